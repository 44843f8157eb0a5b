"""Which mined negatives come when: a schedule over the course of a run, and the negatives drawn as it asks."""

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32, Int64

from hardneg.errors import RecipeError
from hardneg.randomness import bits, uniform
from hardneg.training.pool.pool import Weights
from hardneg.training.sampling.batches import MinedNegatives

WHOLE = (0.0, 1.0)
_DEAL, _DRAW = 15, 16
_ALL = "all"


@dataclass(frozen=True)
class Phase:
    """What a curriculum asks for at one moment."""

    shares: Mapping[str, float] | None  # adding up to 1; None treats all sources as one list
    window: tuple[float, float]  # quantiles of hardness; 0 is the easiest


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """A schedule from the progress of training to the sources and the hardness of the negatives.

    Values stand at equally spaced moments of the run, the first at its first step and the last at its last, and
    run on straight lines between them; a single value holds throughout.

    Hardness is the score relative to the weakest positive, `(s - s+) / |s+|`. Its quantiles are those of a query's
    own candidates: of each source apart if there are shares, else of all together. A candidate without a score
    counts as easier than those with one; a source that scores nothing, such as "random", is never cut.

    Args:
        shares: For each source its part of the negatives over time, each 0 or more. They need not add up to 1.
            Sources that are not named are not drawn from, nor are those whose share is 0 just then.
        window: Lowest and highest quantile of hardness over time, each in [0, 1].

    Raises:
        RecipeError: Nothing is scheduled, a value is out of range, or at some moment all shares are 0.

    References:
        Bengio et al. (2009), "Curriculum learning": examples in order of difficulty.

    Example:
        >>> Curriculum(window=((0.0, 0.4), (0.6, 1.0))).at(0.5).window
        (0.3, 0.7)
    """

    shares: Mapping[str, tuple[float, ...]] | None = None
    window: tuple[tuple[float, float], ...] = (WHOLE,)

    def __post_init__(self) -> None:
        if not self.shares and not self.cuts:
            raise RecipeError("curriculum: nothing is scheduled; give shares for the sources, a window, or both")
        for source, values in (self.shares or {}).items():
            if not values or not all(0 <= value < math.inf for value in values):
                raise RecipeError(f"curriculum: the shares of {source!r} are {list(values)}; give numbers of 0 or more")
        for low, high in self.window:
            if not 0 <= low < high <= 1:
                raise RecipeError(f"curriculum: a window is [{low}, {high}]; give two numbers from 0 to 1, lower first")
        for moment in self._moments():
            if self.shares and sum(self._shares(moment).values()) == 0:
                raise RecipeError(f"curriculum: at {moment:.0%} of the run all shares are 0; let one be above 0")

    @property
    def cuts(self) -> bool:
        """Whether some candidates are ever outside of the window."""
        return any(window != WHOLE for window in self.window)

    def at(self, progress: float) -> Phase:
        """Give what is asked for at a moment."""
        low, high = (_between([window[end] for window in self.window], progress) for end in (0, 1))
        if not self.shares:
            return Phase(None, (low, high))
        shares = self._shares(progress)
        total = sum(shares.values())
        return Phase({source: share / total for source, share in shares.items()}, (low, high))

    def _shares(self, progress: float) -> dict[str, float]:
        return {source: _between(values, progress) for source, values in (self.shares or {}).items()}

    def _moments(self) -> list[float]:
        """List where a line may bend: shares of 0 or more can only add up to 0 there."""
        numbers = {len(values) for values in (self.shares or {}).values()}
        return sorted({float(moment) for number in numbers for moment in np.linspace(0, 1, number)})


def _between(values: Sequence[float], progress: float) -> float:
    """Read a value off the lines through equally spaced ones."""
    return round(float(np.interp(progress, np.linspace(0, 1, len(values)), values)), 12)


class GradedNegatives:
    """The mined negatives of each query, by source if the curriculum names sources, the easiest first."""

    def __init__(self, table: pl.DataFrame, curriculum: Curriculum, *, n_queries: int) -> None:
        self._curriculum, self._phase = curriculum, curriculum.at(0.0)
        self._mined = MinedNegatives(table, n_queries=n_queries)
        self._groups = list(curriculum.shares) if curriculum.shares else [_ALL]
        rows = _graded(table, curriculum).sort("query", "hardness", "score", nulls_last=False, maintain_order=True)
        parts = [rows.filter(group=name) for name in self._groups]
        self._members = [MinedNegatives(part, n_queries=n_queries) for part in parts]
        self._scored = [bool(part["score"].is_not_null().any()) for part in parts]

    def at(self, progress: float) -> "GradedNegatives":
        """Give the negatives as they are drawn at a moment of the run, from 0 to 1."""
        moved = copy.copy(self)
        moved._phase = self._curriculum.at(progress)
        return moved

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if the table has none at all."""
        return self._mined.weights(query)

    def draw(self, query: int, *, turn: int, per_row: int | None, seed: int) -> Int32[np.ndarray, " negatives"]:
        """Draw a query's negatives for one row, anew for each turn, evenly within the window.

        The places of a row are dealt to the sources so that each gets its share on average, and never differs from
        it by a whole place.
        """
        shares = self._shares(query)
        taken = np.empty(0, dtype=np.int32)
        if not shares.any():
            return taken
        places = _deal(shares, 1 if per_row is None else per_row, float(uniform(seed, _DEAL, query, turn)))
        for group in np.flatnonzero(places):
            wanted = int(places[group])
            candidates = self._inside(int(group), query, least=wanted)
            candidates = candidates[~np.isin(candidates, taken)]
            order = np.argsort(bits(seed, _DRAW, query, turn, candidates), kind="stable")
            taken = np.concatenate([taken, candidates[order[:wanted]]])
        return taken

    def _shares(self, query: int) -> Float64[np.ndarray, " groups"]:
        """Give each source's part in the negatives of a query: that of the phase, of those that have candidates."""
        shares = self._phase.shares
        asked = np.array([1.0 if shares is None else shares[name] for name in self._groups])
        return np.where([len(members.of(query)) > 0 for members in self._members], asked, 0.0)

    def _inside(self, group: int, query: int, *, least: int) -> Int32[np.ndarray, " documents"]:
        """List the candidates of a source within the window, widened by harder and then easier ones to `least`."""
        candidates = self._members[group].of(query)
        if not self._scored[group]:
            return candidates
        low, high = (edge * len(candidates) for edge in self._phase.window)
        first, last = math.floor(round(low, 9)), math.ceil(round(high, 9))
        last = min(len(candidates), max(last, first + least))
        return candidates[max(0, min(first, last - least)) : last]


def graded_by(curriculum: Curriculum | None) -> list[str]:
    """List the columns of the table that a curriculum reads beside query, document and weight."""
    if curriculum is None:
        return []
    return [*(["source"] if curriculum.shares else []), *(["score", "positive_score"] if curriculum.cuts else [])]


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
