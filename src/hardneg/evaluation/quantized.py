"""Search by vectors of one byte or one bit a number, so that a user sees what a smaller index costs in quality."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.sources import Dense
from hardneg.sources.retrieval import checked_name, retrieval_table

Kept = Literal["int8", "binary", "binary_int8"]

_LEVELS = 255
_BITS = {"int8": (8,), "binary": (1,), "binary_int8": (1, 8)}


@dataclass(frozen=True)
class Quantized:
    """The best documents of a model by vectors that were rounded, in two passes.

    The first finds `rescore` times as many documents as are asked for by rounded queries and rounded documents; the
    second orders them by the whole query and the rounded documents, so that no whole vector of a document is kept.

    - `int8`: each number of a vector in 256 steps between the least and the largest that the documents have there.
    - `binary`: each number by its sign.
    - `binary_int8`: the first pass by signs, the second by steps; both are kept.

    Two passes over signs are those of Yamada et al. (2021), arXiv:2106.00882.
    """

    source: Dense
    kept: Kept
    rescore: int = 4
    name: str = "quantized"

    def __post_init__(self) -> None:
        checked_name(self.name, kind="quantized")
        if self.kept not in get_args(Kept):
            raise RecipeError(f"quantized: {self.kept!r} is no way to keep vectors; it is {', '.join(get_args(Kept))}")
        if self.rescore < 1:
            raise RecipeError(f"quantized: rescore is {self.rescore}; set it to 1 or more")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents for some queries, and order them anew."""
        from hardneg.search.exact import exact_topk, pair_scores

        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        queries = self.source.vectors_of_queries(dataset, block)
        kept = _kept(dataset, self.source, self.kept)
        first = signs if self.kept.startswith("binary") else kept.steps.rounded
        position, _ = exact_topk(first(queries), kept.first, depth * self.rescore)
        row = np.repeat(np.arange(len(block), dtype=np.int32), position.shape[1])
        score = pair_scores(queries, kept.second, row, position.ravel()).reshape(position.shape)
        order = np.lexsort((position, -score))[:, :depth]  # equal scores by position, as in all searches
        return retrieval_table(block, np.take_along_axis(position, order, 1), np.take_along_axis(score, order, 1))


@dataclass(frozen=True, eq=False)
class _Rounded:
    """Vectors of all documents, as each pass has them."""

    steps: "_Steps"
    first: Float32[np.ndarray, "documents dim"]
    second: Float32[np.ndarray, "documents dim"]


@of_texts(keep=1)
def _kept(dataset: Dataset, source: Dense, kept: Kept) -> _Rounded:
    documents = source.vectors_of_documents(dataset)
    steps = _Steps.of(documents)
    first = signs(documents) if kept.startswith("binary") else steps.rounded(documents)
    return _Rounded(steps, first, steps.rounded(documents) if kept == "binary_int8" else first)


def bytes_of_vector(kept: str | None, dim: int) -> int:
    """Count the bytes of a document's vector; whole ones have four a number."""
    return 4 * dim if kept is None else sum(-(-dim * bits // 8) for bits in _BITS[kept])


def signs(vectors: Float32[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
    """Keep the sign of each number: 1 above zero, else -1."""
    return np.where(vectors > 0, np.float32(1), np.float32(-1))


@dataclass(frozen=True, eq=False)
class _Steps:
    """What the numbers of the documents' vectors range over, in steps."""

    start: Float32[np.ndarray, " dim"]
    step: Float32[np.ndarray, " dim"]

    @classmethod
    def of(cls, documents: Float32[np.ndarray, "documents dim"]) -> "_Steps":
        low, high = documents.min(axis=0), documents.max(axis=0)
        step = (high - low) / np.float32(_LEVELS)
        return cls(low, np.where(step == 0, np.float32(1), step))

    def rounded(self, vectors: Float32[np.ndarray, "rows dim"]) -> Float32[np.ndarray, "rows dim"]:
        """Round to the middle of a step, as the codes from -128 to 127 are read back."""
        return self.start + (self.codes(vectors).astype(np.float32) + np.float32(128.5)) * self.step

    def codes(self, vectors: Float32[np.ndarray, "rows dim"]) -> np.ndarray:
        """Number the steps from -128, as `sentence_transformers.quantize_embeddings` does."""
        return (np.clip(np.floor((vectors - self.start) / self.step), 0, _LEVELS) - 128).astype(np.int8)
