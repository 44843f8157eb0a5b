"""Mined negatives of which some are in use and the others wait to replace them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float32, Int32

from hardneg.training.pool.pool import Weights
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.sampling.replacement import Replacement

Scores = Callable[[Int32[np.ndarray, " rows"], Int32[np.ndarray, " rows"]], Float32[np.ndarray, " rows"]]


class ReplacedNegatives:
    """The mined negatives of each query: those in use, and what each scored when it came into use."""

    def __init__(self, table: pl.DataFrame, replacement: Replacement, *, per_row: int, n_queries: int) -> None:
        self._replacement, self._per_row, self._n_queries = replacement, per_row, n_queries
        self.take(table)

    def take(self, table: pl.DataFrame, *, anew: bool = True) -> None:
        """Go over to another table."""
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

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if the table has none at all."""
        return self._mined.weights(query)

    def enter(self, query: Int32[np.ndarray, " queries"], scores: Scores) -> None:
        """Write down the scores of negatives in use of which none is known yet."""
        row, place = np.nonzero((self._active[query] >= 0) & np.isnan(self._entry[query]))
        if len(row):
            self._entry[query[row], place] = scores(query[row], self._documents(query[row], place))

    def replace(self, query: Int32[np.ndarray, " queries"], scores: Scores) -> tuple[int, int]:
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
        return {name: torch.from_numpy(getattr(self, name).copy()) for name in ("_active", "_next", "_entry")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what a checkpoint kept."""
        for name, value in state.items():
            setattr(self, name, value.numpy())

    def _documents(self, query: Int32[np.ndarray, " rows"], place: np.ndarray) -> Int32[np.ndarray, " rows"]:
        return self._mined.nth(query, self._active[query, place])
