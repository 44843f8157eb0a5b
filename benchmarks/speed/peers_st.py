"""What sentence-transformers does for the rows that run a model; peers' Python runs this file.

Defaults are those of its documentation. The functions that end in `_bf16` give it its best honest setting here: weights
or arithmetic in bfloat16, which its documentation names for speed.
"""

import json
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from sentence_transformers import (
    CrossEncoder,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)
from sentence_transformers.util import mine_hard_negatives

from measure import Figures, timed
from sampling import corpus_of, pairs_of

BF16 = {"torch_dtype": torch.bfloat16}


def encode(given: Figures) -> Figures:
    """Encode texts with the defaults."""
    return _encode(given, SentenceTransformer(given["model"], device="cpu"), {})


def encode_bf16(given: Figures) -> Figures:
    """Encode texts with the model in bfloat16."""
    return _encode(given, SentenceTransformer(given["model"], model_kwargs=BF16, device="cpu"), {})


def encode_bf16_wide(given: Figures) -> Figures:
    """Encode texts with the model in bfloat16 and batches of 128."""
    model = SentenceTransformer(given["model"], model_kwargs=BF16, device="cpu")
    return _encode(given, model, {"batch_size": 128})


def _encode(given: Figures, model: SentenceTransformer, settings: dict[str, Any]) -> Figures:
    model.max_seq_length = given["max_tokens"]
    model.encode(given["texts"][:32])
    return {"seconds": timed(lambda: model.encode(given["texts"], **settings))}


def score(given: Figures) -> Figures:
    """Score pairs as `mine_hard_negatives` does: one call of `predict` a query."""
    return _score(given, CrossEncoder(given["cross_encoder"], device="cpu"))


def score_bf16(given: Figures) -> Figures:
    """The same with the model in bfloat16."""
    return _score(given, CrossEncoder(given["cross_encoder"], model_kwargs=BF16, device="cpu"))


def _score(given: Figures, model: CrossEncoder) -> Figures:
    model.predict([("warm", "up")] * 32)
    found: list[torch.Tensor] = []

    def work() -> None:
        for query, documents in given["pairs"]:
            found.append(model.predict([(query, one) for one in documents], batch_size=32, convert_to_tensor=True))

    return {"seconds": timed(work), "scores": torch.cat(found).float().tolist()}


def score_at_once_bf16(given: Figures) -> Figures:
    """Score all pairs in one call, which sorts them by length, in bfloat16."""
    model = CrossEncoder(given["cross_encoder"], model_kwargs=BF16, device="cpu")
    model.predict([("warm", "up")] * 32)
    pairs = [(query, document) for query, documents in given["pairs"] for document in documents]
    return {"seconds": timed(lambda: model.predict(pairs, batch_size=32))}


def cached_step(given: Figures) -> Figures:
    """Take steps of the gradient cache in float32."""
    return _cached(given, bf16=False)


def cached_step_bf16(given: Figures) -> Figures:
    """Take them with bfloat16 arithmetic."""
    return _cached(given, bf16=True)


def _cached(given: Figures, *, bf16: bool) -> Figures:
    model = SentenceTransformer(given["model"], device="cpu")
    model.max_seq_length = given["max_tokens"]
    model.eval()  # without dropout, as hardneg trains: the same work, and gradients that can be compared
    loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=given["chunk"])

    def step(pairs: list[list[str]]) -> float:
        columns = [model.preprocess(list(texts)) for texts in zip(*pairs, strict=True)]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            value = loss(columns, None)
        value.backward()
        return float(value)

    step(given["pairs"][: given["chunk"]])
    model.zero_grad()
    value, started = 0.0, time.perf_counter()
    for _ in range(given["steps"]):
        model.zero_grad()
        value = step(given["pairs"])
    seconds = (time.perf_counter() - started) / given["steps"]
    name = "cached_step_bf16" if bf16 else "cached_step"
    of = {one: weight.grad for one, weight in model.named_parameters() if weight.grad is not None}
    torch.save(of, Path(given["folder"]) / f"{name}.pt")
    return {"seconds": seconds, "loss": value}


def train(given: Figures) -> Figures:
    """Train by the Trainer with its defaults."""
    return _train(given, bf16=False)


def train_bf16(given: Figures) -> Figures:
    """Train by the Trainer with `bf16=True`."""
    return _train(given, bf16=True)


def _train(given: Figures, *, bf16: bool) -> Figures:
    model = SentenceTransformer(given["model"], device="cpu")
    model.max_seq_length = given["max_tokens"]
    settings = SentenceTransformerTrainingArguments(
        output_dir=given["folder"],
        per_device_train_batch_size=given["batch"],
        max_steps=given["steps"],
        use_cpu=True,
        bf16=bf16,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    rows = dict(zip(("anchor", "positive", "negative"), zip(*given["rows"], strict=True), strict=True))
    trainer = SentenceTransformerTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict({name: list(column) for name, column in rows.items()}),
        loss=MultipleNegativesRankingLoss(model),
    )
    done = trainer.train()
    return {"seconds": done.metrics["train_runtime"] / given["steps"], "loss": done.training_loss}


def mine(given: Figures) -> Figures:
    """Mine with the defaults."""
    return _mine(given, "mine")


def mine_faiss(given: Figures) -> Figures:
    """Mine with FAISS."""
    return _mine(given, "mine_faiss", use_faiss=True)


def mine_faiss_bf16(given: Figures) -> Figures:
    """Mine with FAISS and the model in bfloat16."""
    return _mine(given, "mine_faiss_bf16", use_faiss=True, model_kwargs=BF16)


def _mine(given: Figures, name: str, *, use_faiss: bool = False, model_kwargs: dict[str, Any] | None = None) -> Figures:
    model = SentenceTransformer(given["model"], model_kwargs=model_kwargs or {}, device="cpu")
    model.max_seq_length = given["max_tokens"]
    model.encode(["warm up"] * 32)
    found: list[Dataset] = []

    def work() -> None:
        corpus, pairs = corpus_of(Path(given["data"])), pairs_of(Path(given["data"]))
        dataset = Dataset.from_dict({"query": [one[0] for one in pairs], "answer": [one[1] for one in pairs]})
        found.append(
            mine_hard_negatives(
                dataset,
                model,
                corpus=list(corpus.values()),
                relative_margin=given["margin"],
                num_negatives=given["per_query"],
                output_format="labeled-pair",
                use_faiss=use_faiss,
                verbose=False,
            )
        )

    seconds = timed(work)
    rows = [(one["query"], one["answer"]) for one in found[0] if one["label"] == 0]
    (Path(given["folder"]) / f"{name}.found").write_text(json.dumps(sorted(set(rows))), encoding="utf-8")
    return {"seconds": seconds, "negatives": len(rows)}
