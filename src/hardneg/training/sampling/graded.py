"""Mined negatives in order of hardness, drawn as a curriculum asks."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32, Int64

from hardneg.errors import RunError
from hardneg.randomness import bits, uniform
from hardneg.training.pool.pool import Weights
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.sampling.curriculum import Curriculum, Phase

_DEAL, _DRAW = 15, 16
_ALL = "all"


class GradedNegatives:
    """The mined negatives of each query, by source if the curriculum names sources, the easiest first."""

    def __init__(self, table: pl.DataFrame, curriculum: Curriculum, *, n_queries: int) -> None:
        self._curriculum = curriculum
        self._mined = MinedNegatives(table, n_queries=n_queries)
        self._groups = list(curriculum.shares) if curriculum.shares else [_ALL]
        rows = _graded(table, curriculum).filter(pl.col("group").is_in(self._groups))
        self._members = [_Members.of(rows.filter(group=name), n_queries=n_queries) for name in self._groups]

    def at(self, progress: float) -> "PhasedNegatives":
        """Give the negatives as they are drawn at a moment of the run, from 0 to 1."""
        return PhasedNegatives(self, self._curriculum.at(progress))

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if the table has none at all."""
        return self._mined.weights(query)

    def shares(self, query: int, phase: Phase) -> Float64[np.ndarray, " groups"]:
        """Give each source's part in the negatives of a query: that of the phase, of those that have candidates."""
        asked = np.array([1.0 if phase.shares is None else phase.shares[name] for name in self._groups])
        return np.where([members.count(query) > 0 for members in self._members], asked, 0.0)

    def inside(
        self, group: int, query: int, *, window: tuple[float, float], least: int
    ) -> Int32[np.ndarray, " documents"]:
        """List the candidates of a source within a window of hardness, at least so many if there are as many."""
        members = self._members[group]
        own = members.of_query(query)
        if not members.scored:
            return own
        low, high = math.floor(round(window[0] * len(own), 9)), math.ceil(round(window[1] * len(own), 9))
        high = min(len(own), max(high, low + least))
        return own[max(0, min(low, high - least)) : high]


@dataclass(frozen=True, eq=False)
class PhasedNegatives:
    """Graded negatives at one moment of a run."""

    graded: GradedNegatives
    phase: Phase

    def at(self, progress: float) -> "PhasedNegatives":
        """Give the negatives as they are drawn at another moment."""
        return self.graded.at(progress)

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if the table has none at all."""
        return self.graded.weights(query)

    def draw(self, query: int, *, turn: int, per_row: int | None, seed: int) -> Int32[np.ndarray, " negatives"]:
        """Draw a query's negatives for one row, anew for each turn, evenly within the window.

        The places of a row are dealt to the sources so that each gets its share on average, and never differs from
        it by a whole place.
        """
        shares = self.graded.shares(query, self.phase)
        taken = np.empty(0, dtype=np.int32)
        if not shares.any():
            return taken
        places = _deal(shares, 1 if per_row is None else per_row, float(uniform(seed, _DEAL, query, turn)))
        for group in np.flatnonzero(places):
            wanted = int(places[group])
            own = self.graded.inside(int(group), query, window=self.phase.window, least=wanted)
            own = own[~np.isin(own, taken)]
            order = np.argsort(bits(seed, _DRAW, query, turn, own), kind="stable")
            taken = np.concatenate([taken, own[order[:wanted]]])
        return taken


@dataclass(frozen=True, eq=False)
class _Members:
    document: Int32[np.ndarray, " rows"]
    start: Int64[np.ndarray, " queries_and_one"]
    scored: bool

    @classmethod
    def of(cls, rows: pl.DataFrame, *, n_queries: int) -> "_Members":
        rows = rows.sort("query", "hardness", "score", nulls_last=False, maintain_order=True)
        start = np.searchsorted(rows["query"].to_numpy(), np.arange(n_queries + 1))
        return cls(rows["document"].to_numpy().astype(np.int32), start, bool(rows["score"].is_not_null().any()))

    def count(self, query: int) -> int:
        return int(self.start[query + 1] - self.start[query])

    def of_query(self, query: int) -> Int32[np.ndarray, " documents"]:
        return self.document[self.start[query] : self.start[query + 1]]


def graded_by(curriculum: Curriculum | None) -> list[str]:
    """List the columns of the table that a curriculum reads beside query, document and weight."""
    if curriculum is None:
        return []
    return [*(["source"] if curriculum.shares else []), *(["score", "positive_score"] if curriculum.cuts else [])]


def check_graded(table: pl.DataFrame, curriculum: Curriculum) -> None:
    """Make sure that a curriculum can be followed with a table of negatives."""
    for column in graded_by(curriculum):
        if column not in table.columns:
            raise RunError(
                f"the curriculum needs the column {column!r} of the table of negatives, which has: "
                f"{', '.join(table.columns)}; hand over the whole table that mining made"
            )
    known = table["source"].unique().sort().to_list() if curriculum.shares else []
    for source in curriculum.shares or {}:
        if source not in known:
            raise RunError(
                f"the curriculum names the source {source!r}, but the negatives come from: "
                f"{', '.join(known) or 'none'}; name one of these, or mine with a quota for it (select.quotas)"
            )
    if curriculum.cuts and not table["score"].is_not_null().any():
        raise RunError(
            "the curriculum has a window of hardness, but no negative has a score; mine with a source that scores, "
            "and name it in select.score if the random or judged ones shall be graded too"
        )


def _graded(table: pl.DataFrame, curriculum: Curriculum) -> pl.DataFrame:
    """Give each pair its group and its hardness, null where unknown."""
    score, positive = (
        pl.col(name).cast(pl.Float64).fill_nan(None) if curriculum.cuts else pl.lit(None, dtype=pl.Float64)
        for name in ("score", "positive_score")
    )
    size = pl.max_horizontal(positive.abs(), pl.lit(1e-9))  # BM25 gives an answer without a shared word 0
    return table.unique(["query", "document"], keep="first", maintain_order=True).select(
        "query",
        "document",
        group=pl.col("source") if curriculum.shares else pl.lit(_ALL),
        hardness=pl.when(positive.is_not_null()).then((score - positive) / size),
        score=score,
    )


def _deal(shares: Float64[np.ndarray, " groups"], n: int, offset: float) -> Int64[np.ndarray, " groups"]:
    """Deal places by systematic sampling: equally spaced points, moved by one draw, over the shares end to end."""
    ends = np.cumsum(shares)
    points = (np.arange(n) + offset) / n * ends[-1]
    group = np.minimum(np.searchsorted(ends, points, side="right"), np.flatnonzero(shares)[-1])
    return np.bincount(group, minlength=len(shares))
