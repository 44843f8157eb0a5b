"""From texts to vectors: with a gradient for a step, without one to look at scores in the middle of training."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from jaxtyping import Float, Float16, Float32, Int64
from sentence_transformers import SentenceTransformer
from torch import Tensor

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.models.features import ModelInput, tokenise
from hardneg.models.sentence_transformer import SentenceTransformerEncoder
from hardneg.models.towers import Kind, input_module, is_static, limit_tokens, set_token_limits, token_limits
from hardneg.search.exact import pair_scores
from hardneg.training.passes.attention import fast_attention

Texts = list[str] | ModelInput

# Padded tokens of one forward pass; measured on a small BERT (docs/training.md).
_CHUNK_TOKENS = {"cpu": 1_024, "cuda": 65_536}
_BLOCK = 1_024


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some queries or some documents of a batch, tokenised where the model takes tokens."""

    rows: Int64[np.ndarray, " rows"]  # their numbers among the queries and then the documents of the batch
    queries: Texts
    documents: Texts


class TwoTowers(torch.nn.Module):
    """Both towers as one module with one forward pass a batch, which is what data parallel training wants."""

    def __init__(
        self, model: SentenceTransformer, *, query_prompt: str | None, document_prompt: str | None, bf16: bool
    ) -> None:
        super().__init__()
        self.model = model
        self.prompts: dict[Kind, str | None] = {"query": query_prompt, "document": document_prompt}
        self._first = dict(self.prompts)
        self.bf16 = bf16

    def use_prompts(self, query: str | None, document: str | None) -> None:
        """Put these before the texts that come; None stands for what there was at the beginning, "" for nothing."""
        given: tuple[tuple[Kind, str | None], ...] = (("query", query), ("document", document))
        self.prompts = self._first | {kind: prompt or None for kind, prompt in given if prompt is not None}

    @property
    def cosine(self) -> bool:
        """Whether the model compares by cosine, and vectors have unit length."""
        return bool(self.model.similarity_fn_name == "cosine")

    def forward(
        self, queries: Texts, documents: Texts
    ) -> tuple[Float[Tensor, "queries dim"], Float[Tensor, "documents dim"]]:
        """Embed the texts of a batch into vectors whose dot product is the score; one side may be empty."""
        given: tuple[tuple[Texts, Kind], ...] = ((queries, "query"), (documents, "document"))
        with torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            sides = [self._embed(texts, kind) for texts, kind in given if len(texts)]
        if self.cosine:
            sides = [torch.nn.functional.normalize(vectors, dim=1) for vectors in sides]
        nothing = sides[0].new_empty(0, sides[0].shape[1])
        return sides[0] if len(queries) else nothing, sides[-1] if len(documents) else nothing

    def cut(self, queries: list[str], documents: list[str], *, max_tokens: int) -> list[Chunk]:
        """Cut texts into chunks of one kind and of similar length, for separate forward passes.

        Static embeddings, which keep next to nothing for the way back, come as one chunk.
        """
        nothing: list[str] = []
        cut = [Chunk(rows, texts, nothing) for rows, texts in self._cut(queries, "query", max_tokens)]
        of_documents = self._cut(documents, "document", max_tokens)
        return cut + [Chunk(rows + len(queries), nothing, texts) for rows, texts in of_documents]

    def _cut(self, texts: list[str], kind: Kind, max_tokens: int) -> list[tuple[Int64[np.ndarray, " rows"], Texts]]:
        features = tokenise(self.model, texts, kind=kind, prompt=self.prompts[kind])
        if features is None:
            return [(np.arange(len(texts)), texts)]
        return [(rows, features.take(rows)) for rows in features.batches(max_tokens)]

    def _embed(self, texts: Texts, kind: Kind) -> Float[Tensor, "texts dim"]:
        chunk_tokens = _CHUNK_TOKENS.get(self.model.device.type, _CHUNK_TOKENS["cpu"])
        return embed(self.model, texts, kind=kind, prompt=self.prompts[kind], chunk_tokens=chunk_tokens)


@contextmanager
def cutting_texts(model: SentenceTransformer, max_tokens: int | None) -> Iterator[None]:
    """Cut texts shorter than the model would, for as long as the block lasts."""
    limits = token_limits(model)
    if max_tokens is not None:
        limit_tokens(model, max_tokens)
    try:
        yield
    finally:
        if max_tokens is not None:
            set_token_limits(model, limits)


def embed(
    model: SentenceTransformer, texts: Texts, *, kind: Kind, prompt: str | None, chunk_tokens: int
) -> Float[Tensor, "texts dim"]:
    """Embed texts in chunks of similar length, which saves the padding of short texts beside long ones."""
    features = texts if isinstance(texts, ModelInput) else tokenise(model, texts, kind=kind, prompt=prompt)
    if features is None:
        # The model's own `preprocess` first asks of every text what it is, which takes as long as to tokenise it.
        tower = input_module(model, kind)
        first = tower if is_static(tower) else model
        return _forward(model, first.preprocess(texts, prompt=prompt, task=kind), kind)
    chunks = list(features.batches(chunk_tokens))
    vectors = torch.cat([_forward(model, features.rows(rows), kind) for rows in chunks])
    back = torch.cat([torch.from_numpy(rows) for rows in chunks]).argsort()
    return vectors[back.to(vectors.device)]


def _forward(model: SentenceTransformer, features: dict[str, Any], kind: Kind) -> Float[Tensor, "chunk dim"]:
    placed = {name: v.to(model.device) if isinstance(v, Tensor) else v for name, v in features.items()}
    with fast_attention(model.device):
        vectors: Tensor = model(placed, task=kind)["sentence_embedding"]
    return vectors[:, : model.truncate_dim].float()


def live_scores(
    towers: torch.nn.Module,
    accelerator: Accelerator,
    dataset: Dataset,
    query: Rows,
    document: Rows,
) -> Scores:
    """Score pairs as a step would, without dropout and gradient; the first process scores and tells the others."""
    score = np.zeros(len(query), dtype=np.float32)
    if accelerator.is_main_process:
        plain: TwoTowers = accelerator.unwrap_model(towers)
        distinct_queries, query_row = np.unique(query, return_inverse=True)
        distinct, row = np.unique(document, return_inverse=True)
        texts = (dataset.query_texts.gather(distinct_queries), dataset.document_texts.gather(distinct))
        queries, documents = live_vectors(plain, *texts)
        score = pair_scores(queries, documents, query_row.astype(np.int32), row.astype(np.int32))
    scores: torch.Tensor = broadcast(torch.from_numpy(score).to(accelerator.device))
    return scores.cpu().numpy()


def live_vectors(
    towers: TwoTowers, queries: pl.Series, documents: pl.Series
) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
    """Embed texts as a step would, without dropout and gradient."""
    with _evaluating(towers):
        encoder = SentenceTransformerEncoder(towers.model, "fp32")
        of_queries = list(_encoded(encoder.encode_queries, queries))
        return np.concatenate(of_queries), np.concatenate(list(_encoded(encoder.encode_documents, documents)))


def filed_vectors(
    towers: TwoTowers, queries: pl.Series, documents: pl.Series, files: tuple[Path, Path]
) -> tuple[Float16[np.ndarray, "queries dim"], Float16[np.ndarray, "documents dim"]]:
    """Embed texts likewise, of which there are too many for memory: vectors lie in files, in half precision."""
    with _evaluating(towers):
        encoder = SentenceTransformerEncoder(towers.model, "fp32")
        of_queries = _filed(_encoded(encoder.encode_queries, queries), len(queries), files[0])
        return of_queries, _filed(_encoded(encoder.encode_documents, documents), len(documents), files[1])


def _encoded(
    encode: Callable[[list[str]], Float32[np.ndarray, "texts dim"]], texts: pl.Series
) -> Iterator[Float32[np.ndarray, "block dim"]]:
    parts = texts.fill_null("")
    return (encode(parts.slice(at, _BLOCK).to_list()) for at in range(0, len(parts), _BLOCK))


def _filed(blocks: Iterator[Float32[np.ndarray, "block dim"]], n: int, file: Path) -> Float16[np.ndarray, "texts dim"]:
    first = next(blocks)
    vectors = np.lib.format.open_memmap(file, mode="w+", dtype=np.float16, shape=(n, first.shape[1]))
    at = 0
    for block in itertools.chain([first], blocks):
        vectors[at : at + len(block)] = block
        at += len(block)
    return vectors


@contextmanager
def _evaluating(towers: TwoTowers) -> Iterator[None]:
    training = towers.model.training
    towers.model.eval()
    try:
        with torch.autocast(towers.model.device.type, dtype=torch.bfloat16, enabled=towers.bf16):
            yield
    finally:
        towers.model.train(training)
