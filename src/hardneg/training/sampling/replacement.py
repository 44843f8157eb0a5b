"""Mined negatives of which some are in use, and the others wait until one of these has become too easy."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from hardneg.arrays import Rows, ScorePairs, Scores
from hardneg.errors import RecipeError
from hardneg.training.pool.pool import Weights
from hardneg.training.sampling.batches import MinedNegatives


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """Replace negatives whose score has dropped by the query's next candidates, in the order of the table.

    Each row of a query takes the same `negatives_per_row` negatives, the first of the table, until they are replaced.
    Before every so many steps, those of the rows to come are scored with the current weights. One is replaced if
    `s < s0 - |s0| * (1 - 1 / factor)`, where s0 is its score when it came into use: for positive scores that is
    `s * factor < s0`, and it means "lower" for negative ones too. A query that has no candidate left keeps what it has.

    Args:
        every: Steps between two looks, at least 1.
        factor: How far a score must have dropped, at least 1.
        below: A negative is replaced only if its score is below this, too; None asks for the drop alone.

    Raises:
        RecipeError: A value is out of range.

    References:
        Conan-embedding, Li et al. (2024), arXiv:2408.15710: every 100 steps, factor 1.15.
    """

    every: int = 100
    factor: float = 1.15
    below: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise RecipeError(f"replacement: every is {self.every}; set it to 1 or more, say 100")
        if not 1 <= self.factor < math.inf:
            raise RecipeError(f"replacement: factor is {self.factor}; set it to 1 or more, say 1.15")
        if self.below is not None and not math.isfinite(self.below):
            raise RecipeError(f"replacement: below is {self.below}; set it to a number")

    def dropped(self, score: Scores, entry: Scores) -> Bool[np.ndarray, " rows"]:
        """Mark the negatives that have become too easy.

        >>> score, entry = np.float32([0.5, 0.5, -0.5]), np.float32([0.6, 0.55, -0.4])
        >>> Replacement().dropped(score, entry)
        array([ True, False,  True])
        """
        fallen = score < entry - np.abs(entry) * (1 - 1 / self.factor)
        return fallen if self.below is None else fallen & (score < self.below)


class ReplacedNegatives:
    """The mined negatives of each query: those in use, and what each scored when it came into use."""

    def __init__(self, table: pl.DataFrame, replacement: Replacement, *, per_row: int, n_queries: int) -> None:
        self._replacement, self._per_row, self._n_queries = replacement, per_row, n_queries
        self.take(table)

    def take(self, table: pl.DataFrame, *, anew: bool = True) -> None:
        """Go over to another table; not `anew` if it is the one that a state just loaded belongs to."""
        self._mined = MinedNegatives(table, n_queries=self._n_queries)
        if anew:
            counts = self._mined.count(np.arange(self._n_queries, dtype=np.int32))[:, None]
            places = np.arange(self._per_row, dtype=np.int32)[None]
            self._active = np.where(places < counts, places, np.int32(-1))
            self._next = np.minimum(counts[:, 0], self._per_row).astype(np.int32)
            self._entry = np.full(self._active.shape, np.nan, dtype=np.float32)

    def at(self, progress: float) -> "ReplacedNegatives":  # noqa: ARG002
        """Give the negatives as they are drawn at a moment of the run: what is in use does not depend on it."""
        return self

    def draw(self, query: int, *, turn: int, per_row: int | None, seed: int) -> Int32[np.ndarray, " negatives"]:  # noqa: ARG002
        """Give the negatives that are in use for a query; every row of it gets the same."""
        return self._mined.of(query)[self._active[query][self._active[query] >= 0]]

    def weights(self, query: Rows) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if the table has none at all."""
        return self._mined.weights(query)

    def enter(self, query: Int32[np.ndarray, " queries"], scores: ScorePairs) -> None:
        """Write down the scores of negatives in use of which none is known yet."""
        row, place = np.nonzero((self._active[query] >= 0) & np.isnan(self._entry[query]))
        if len(row):
            self._entry[query[row], place] = scores(query[row], self._documents(query[row], place))

    def replace(self, query: Int32[np.ndarray, " queries"], scores: ScorePairs) -> tuple[int, int]:
        """Score the negatives in use again, and replace those that have become too easy."""
        row, place = np.nonzero(self._active[query] >= 0)
        owner = query[row]
        if not len(owner):
            return 0, 0
        now = scores(owner, self._documents(owner, place))
        left = self._mined.count(query) - self._next[query]
        dropped = self._replacement.dropped(now, self._entry[owner, place])
        nth = np.cumsum(dropped) - np.r_[0, np.cumsum(dropped)][np.searchsorted(row, row)] - 1
        dropped &= nth < left[row]
        owner, place, nth = owner[dropped], place[dropped], nth[dropped]
        self._active[owner, place] = self._next[owner] + nth
        self._entry[owner, place] = np.nan
        np.add.at(self._next, owner, 1)
        self.enter(query, scores)
        return len(now), len(owner)

    def state_dict(self) -> dict[str, Any]:
        """Give what a checkpoint keeps."""
        import torch

        return {name: torch.from_numpy(getattr(self, name).copy()) for name in ("_active", "_next", "_entry")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        for name, value in state.items():
            setattr(self, name, value.numpy())

    def _documents(self, query: Rows, place: np.ndarray) -> Rows:
        return self._mined.nth(query, self._active[query, place])
