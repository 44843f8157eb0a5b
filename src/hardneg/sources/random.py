"""Documents drawn at random: easy negatives, and a baseline for all others."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32

from hardneg.data.dataset import Dataset
from hardneg.data.metadata import columns_digest, required_column
from hardneg.errors import DatasetError, RecipeError
from hardneg.randomness import permutation, uniform
from hardneg.sources.retrieval import checked_name, retrieval_table

_QUERIES = 1_024
_NUMBERS = 4_000_000  # drawn at once with weights


@dataclass(frozen=True)
class Random:
    """Documents drawn without replacement, for each query by itself; rank is the order of drawing.

    Args:
        seed: Seed of the draws, from 0 and below 2^64.
        weights: Metadata column of numbers, such as `popularity`: a document is drawn in proportion to its number,
            never with 0. None draws uniformly. With weights the work for a query grows with the number of documents.
        power: Exponent of the weights, above 0; below 1 draws the popular less often than they are.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range.

    References:
        Power 0.75 for words: Mikolov et al. (2013), arXiv:1310.4546.
    """

    seed: int = 0
    weights: str | None = None
    power: float = 1.0
    name: str = "random"

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise RecipeError(f"random: seed is {self.seed}; set it to 0 or more, below 2^64")
        if not (math.isfinite(self.power) and self.power > 0):
            raise RecipeError(f"random: power must be above 0, not {self.power}")
        checked_name(self.name, kind="random")

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the column of weights; empty if none is named. An InputError says what is wrong with the column."""
        if self.weights is None:
            return ""
        _weights(dataset, self.weights)
        return columns_digest(dataset.documents, [self.weights])

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Draw documents; a larger depth draws the same ones first."""
        if self.weights is not None:
            return self._weighted(dataset, block, depth)
        depth = min(depth, dataset.n_documents)
        draw = _shuffled if 2 * depth > dataset.n_documents else _rejecting_repeats
        parts = np.split(block, range(_QUERIES, len(block), _QUERIES))
        return retrieval_table(
            block, np.concatenate([draw(self.seed, part, dataset.n_documents, depth) for part in parts])
        )

    def _weighted(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Let a clock of each document's rate ring at random, and take those that ring first."""
        weights = _weights(dataset, str(self.weights)) ** self.power
        drawable = np.flatnonzero(weights > 0)
        depth = min(depth, len(drawable))
        parts, size = [], max(1, _NUMBERS // max(1, len(drawable)))
        for part in np.split(block, range(size, len(block), size)):
            draw = uniform(self.seed, part[:, None], drawable[None])
            order = np.argsort(-np.log(draw) / weights[drawable], axis=1, kind="stable")[:, :depth]
            parts.append(drawable[order].astype(np.int32))
        return retrieval_table(block, np.concatenate(parts))


def _weights(dataset: Dataset, column: str) -> Float64[np.ndarray, " documents"]:
    """Read a column of weights; a RecipeError or DatasetError says what is wrong with it."""
    required_column(dataset, column, asked_by="random: weights", plain=True, allow_missing=False)
    numbers = dataset.documents[column].cast(pl.Float64, strict=False)
    wrong = dataset.documents["id"].filter(numbers.is_null() | ~numbers.is_finite() | (numbers < 0))
    if len(wrong):
        raise DatasetError(
            f"random: weights: {len(wrong):,} of {dataset.n_documents:,} documents of {dataset.name} have no number "
            f"from 0 in {column!r}, the first: {wrong[0]!r}"
        )
    return numbers.to_numpy()


def _shuffled(
    seed: int, query: Int32[np.ndarray, " queries"], n_documents: int, depth: int
) -> Int32[np.ndarray, "queries depth"]:
    orders = [permutation(seed, int(q), size=n_documents)[:depth] for q in query]
    return np.array(orders, dtype=np.int32).reshape(len(query), depth)


def _rejecting_repeats(
    seed: int, query: Int32[np.ndarray, " queries"], n_documents: int, depth: int
) -> Int32[np.ndarray, "queries depth"]:
    """Draw with replacement and leave out what came before, until each query has enough."""
    chosen = np.empty((len(query), depth), np.int32)
    missing = np.arange(len(query))
    n_draws = depth + depth // 8 + 8
    while len(missing):
        draws = (uniform(seed, query[missing, None], np.arange(n_draws)[None]) * n_documents).astype(np.int32)
        is_new = _first_occurrence(draws)
        enough = is_new.sum(axis=1) >= depth
        first = is_new[enough] & (is_new[enough].cumsum(axis=1) <= depth)
        chosen[missing[enough]] = draws[enough][first].reshape(-1, depth)
        missing = missing[~enough]
        n_draws *= 2
    return chosen


def _first_occurrence(values: Int32[np.ndarray, "rows draws"]) -> np.ndarray:
    """Mark the values that do not stand further left in their row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    is_new = np.ones(values.shape, dtype=bool)
    np.put_along_axis(is_new, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    return is_new
