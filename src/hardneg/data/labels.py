"""Sets of (query, something) pairs by position, made for asking many membership questions at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Int32, Integer


@dataclass(frozen=True, eq=False)
class PairSet:
    """A set of (query, member) pairs, both non-negative positions."""

    keys: npt.NDArray[np.int64]  # query * width + member, sorted
    width: int  # one more than the largest member that can occur

    @classmethod
    def build(
        cls, query: Integer[np.ndarray, " pairs"], member: Integer[np.ndarray, " pairs"], *, width: int
    ) -> "PairSet":
        """Collect pairs into a set; repeats are merged."""
        return cls(np.unique(query.astype(np.int64) * width + member), width)

    def __len__(self) -> int:
        return len(self.keys)

    def contains(
        self, query: Integer[np.ndarray, " rows"], member: Integer[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Mark the rows whose pair is in the set."""
        wanted = query.astype(np.int64) * self.width + member
        at = np.searchsorted(self.keys, wanted)
        is_member = np.zeros(len(wanted), dtype=bool)
        inside = at < len(self.keys)
        is_member[inside] = self.keys[at[inside]] == wanted[inside]
        return is_member

    def of(self, query: int) -> Int32[np.ndarray, " members"]:
        """List the members paired with one query, ascending."""
        low, high = np.searchsorted(self.keys, [query * self.width, (query + 1) * self.width])
        return (self.keys[low:high] - query * self.width).astype(np.int32)

    def among(
        self, queries: Integer[np.ndarray, " queries"]
    ) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
        """List the pairs of some queries as (query, member), ordered by query as given, then member."""
        low = np.searchsorted(self.keys, queries.astype(np.int64) * self.width)
        high = np.searchsorted(self.keys, (queries.astype(np.int64) + 1) * self.width)
        counts = high - low
        owner = np.repeat(np.arange(len(queries)), counts)
        at = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + low[owner]
        query = queries[owner].astype(np.int32)
        return query, (self.keys[at] - query.astype(np.int64) * self.width).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Exclusions:
    """Texts that may be no negatives of a query because they answer another query of its group."""

    group: Int32[np.ndarray, " queries"]  # -1 for a query that is in none
    answers: PairSet  # (group, number of a document's text)

    def contains(
        self, query: Integer[np.ndarray, " rows"], text: Integer[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Mark the rows whose text answers some query of the query's group."""
        group = self.group[query]
        return (group >= 0) & self.answers.contains(np.maximum(group, 0), text)
