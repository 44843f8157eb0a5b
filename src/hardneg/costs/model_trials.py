"""Trials of models: encoding, scoring pairs, training."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from hardneg.costs.clock import cost
from hardneg.costs.sizes import Sizes
from hardneg.costs.texts import Texts
from hardneg.data.dataset import Dataset

_FEW = 64


def encoding(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Encode documents and queries."""
    from hardneg.models.store import BLOCK
    from hardneg.sources import Dense

    encoder = Dense(model=given["model"], max_tokens=given["max_tokens"]).encoder()
    dim = encoder.encode_documents(texts.documents[:8]).shape[1]  # the first batch pays for what is prepared once
    start_s = time.time() - given["asked_at"]
    document_s, memory_gb = _each(texts.documents[:BLOCK], encoder.encode_documents, sizes.seconds)
    query_s, more_gb = _each(texts.queries[:BLOCK], encoder.encode_queries, sizes.seconds)
    found = {"document_s": document_s, "query_s": query_s, "dim": dim, "memory_gb": max(memory_gb, more_gb)}
    return {"start_s": start_s, **found}


def scoring(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Score pairs of a query and a document."""
    from hardneg.models.options import check_installed

    check_installed("a teacher, which scores with a model,")
    from hardneg.scoring.pair_model import load_pair_model

    model = load_pair_model(given["teacher"], max_tokens=given["max_tokens"])
    pairs = list(zip(np.resize(texts.queries, 1_024).tolist(), np.resize(texts.documents, 1_024).tolist(), strict=True))

    def score(part: list[tuple[str, str]]) -> None:
        queries, documents = zip(*part, strict=True)
        model.score(list(queries), list(documents))

    score(pairs[:8])
    start_s = time.time() - given["asked_at"]
    pair_s, memory_gb = _each(pairs, score, sizes.seconds)
    return {"start_s": start_s, "pair_s": pair_s, "memory_gb": memory_gb}


def training(texts: Texts, given: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Train for a few steps."""
    from hardneg.models.options import check_installed

    check_installed("training", training=True)
    from hardneg.training.settings import TrainSettings
    from hardneg.training.trial import seconds_a_step

    settings = TrainSettings(
        batch_size=given["batch_size"],
        max_tokens=given["max_tokens"],
        negatives_per_row=given["negatives_per_row"] or None,
        max_steps=sizes.steps,
    )
    dataset = _pairs(texts, (sizes.steps + 1) * given["batch_size"])
    negatives = _negatives(dataset, given["negatives_per_row"]) if given["negatives_per_row"] else None
    steps: list[float] = []
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        spent = cost(
            lambda: steps.append(seconds_a_step(given["model"], dataset, negatives, settings=settings, out=out))
        )
        size = sum(path.stat().st_size for path in (out / "model").rglob("*") if path.is_file())
    start_s = max(time.time() - given["asked_at"] - sizes.steps * steps[0], 0.0)
    return {"start_s": start_s, "step_s": steps[0], "memory_gb": spent.peak_gb, "disk_gb": size / 1e9}


def _each(things: list[Any], work: Callable[[list[Any]], object], seconds: float) -> tuple[float, float]:
    """Work on a few things, then on as many as take a few seconds; say what one takes, and the memory."""
    first = cost(lambda: work(things[:_FEW]))
    wanted = int(_FEW * seconds / max(first.wall_s, 1e-3))
    part = things[: max(wanted, _FEW)]
    spent = cost(lambda: work(part))
    return spent.wall_s / len(part), max(first.peak_gb, spent.peak_gb)


def _pairs(texts: Texts, wanted: int) -> Dataset:
    """Pair queries and documents by their number."""
    queries, documents = (np.resize(each, wanted).tolist() for each in (texts.queries, texts.documents))
    # Two texts alike would be answers to each other's queries.
    documents = [f"{text} {number}" for number, text in enumerate(documents)]
    names = [str(number) for number in range(wanted)]
    labels = {"query_id": names, "doc_id": names, "relevance": [1] * wanted, "split": ["train"] * wanted}
    return Dataset.from_tables(
        pl.DataFrame({"id": names, "text": [f"{text} {number}" for number, text in enumerate(queries)]}),
        pl.DataFrame({"id": names, "text": documents}),
        pl.DataFrame(labels),
        name="trial",
    )


def _negatives(dataset: Dataset, per_row: int) -> pl.DataFrame:
    query = np.repeat(np.arange(dataset.n_queries, dtype=np.int32), per_row)
    further = np.tile(np.arange(1, per_row + 1, dtype=np.int32), dataset.n_queries)
    return pl.DataFrame({"query": query, "document": ((query + further) % dataset.n_documents).astype(np.int32)})
