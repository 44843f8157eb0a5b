"""Documents drawn at random: easy negatives, and a baseline for all others."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.randomness import permutation, uniform
from hardneg.sources.retrieval import checked_name, retrieval_table

_QUERIES = 1_024


@dataclass(frozen=True)
class Random:
    """Documents drawn uniformly without replacement, for each query by itself; rank is the order of drawing.

    Args:
        seed: Seed of the draws, from 0 and below 2^64.
        name: Suffix of its columns.

    Raises:
        RecipeError: The seed is out of range.
    """

    seed: int = 0
    name: str = "random"

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise RecipeError(f"random: seed is {self.seed}; set it to 0 or more, below 2^64")
        checked_name(self.name, kind="random")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Draw documents; a larger depth draws the same ones first."""
        depth = min(depth, dataset.n_documents)
        draw = _shuffled if 2 * depth > dataset.n_documents else _rejecting_repeats
        parts = [
            draw(self.seed, block[start : start + _QUERIES], dataset.n_documents, depth)
            for start in range(0, len(block), _QUERIES)
        ]
        return retrieval_table(block, np.concatenate([np.empty((0, depth), np.int32), *parts]))


def _shuffled(
    seed: int, query: Int32[np.ndarray, " queries"], n_documents: int, depth: int
) -> Int32[np.ndarray, "queries depth"]:
    orders = [permutation(seed, int(q), size=n_documents)[:depth] for q in query]
    return np.stack(orders).astype(np.int32)


def _rejecting_repeats(
    seed: int, query: Int32[np.ndarray, " queries"], n_documents: int, depth: int
) -> Int32[np.ndarray, "queries depth"]:
    """Draw with replacement and leave out what came before, until each query has enough."""
    found = np.empty((len(query), depth), np.int32)
    missing = np.arange(len(query))
    n_draws = depth + depth // 8 + 8
    while len(missing):
        draws = (uniform(seed, query[missing, None], np.arange(n_draws)[None]) * n_documents).astype(np.int32)
        is_new = _first_occurrence(draws)
        enough = is_new.sum(axis=1) >= depth
        chosen = is_new[enough] & (is_new[enough].cumsum(axis=1) <= depth)
        found[missing[enough]] = draws[enough][chosen].reshape(-1, depth)
        missing = missing[~enough]
        n_draws *= 2
    return found


def _first_occurrence(values: Int32[np.ndarray, "rows draws"]) -> np.ndarray:
    """Mark the values that do not stand further left in their row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    is_new = np.ones(values.shape, dtype=bool)
    np.put_along_axis(is_new, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    return is_new
