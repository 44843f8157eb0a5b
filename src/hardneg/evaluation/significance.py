"""Whether one system is better than another on the same queries, or was lucky.

Both tests look at the per-query differences and assume nothing about their distribution.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from jaxtyping import Float64

from hardneg.arguments import check_tables, check_texts, check_whole
from hardneg.errors import RunError
from hardneg.evaluation.metrics import PRIMARY
from hardneg.notebook import Framed

if TYPE_CHECKING:
    from hardneg.evaluation.retrieval import Evaluation

TAILS = (0.025, 0.975)
_CHUNK = 2**21  # numbers drawn at a time
_EXACT_BELOW = 13  # differences, of which all sign patterns are tried


@dataclass(frozen=True)
class Row:
    """One line of the table: a system, measured once, or once a seed if it was trained."""

    name: str
    seeds: list[pl.DataFrame]
    measure: str = PRIMARY  # the one that it is judged by

    @property
    def per_query(self) -> pl.DataFrame:
        """Each query's measures, averaged over the seeds."""
        return pl.concat(self.seeds).group_by("query_id").mean().sort("query_id")

    def as_dict(self, *, seed: int = 0) -> dict[str, dict[str, Any]]:
        """Give the figures of each measure by name."""
        per_query, figures = self.per_query, {}
        for name in (column for column in per_query.columns if column != "query_id"):
            means = pl.Series([table[name].mean() for table in self.seeds], dtype=pl.Float64)
            low, high = mean_interval(per_query[name].to_numpy(), seed=seed)
            interval = {"low": low, "high": high, "n": per_query.height}
            figures[name] = {"value": means.mean(), **interval, "seeds": means.to_list(), "sd": means.std()}
        return figures


@dataclass(frozen=True)
class Comparison(Framed):
    """What changed from one evaluation to another, query by query."""

    metric: str
    n: int
    difference: float
    low: float
    high: float
    p_value: float
    wins: int
    ties: int
    losses: int

    def frame(self) -> pl.DataFrame:
        """Lay the comparison out as a table of one row."""
        return pl.DataFrame([asdict(self)])


def compare(
    before: "Evaluation | pl.DataFrame",
    after: "Evaluation | pl.DataFrame",
    measure: str | None = None,
    *,
    seed: int = 0,
) -> Comparison:
    """Compare two evaluations of the same queries.

    Args:
        before: The system to improve on, as evaluated, or its per-query table.
        after: The other system; a positive difference means this one is better.
        measure: What to compare; a column of the per-query tables. None takes the primary measure of `before`, which
            of a bare table is nDCG@10.
        seed: Of the sign flips and of the bootstrap, 10,000 each.

    Returns:
        The mean difference with its interval and p-value, and the queries won, tied and lost.

    Raises:
        RunError: A table lacks the measure, or the tables do not have the same queries.

    Example:
        >>> before = pl.DataFrame({"query_id": ["a", "b", "c"], "nDCG@10": [0.1, 0.5, 0.2]})
        >>> after = pl.DataFrame({"query_id": ["a", "b", "c"], "nDCG@10": [0.4, 0.5, 0.5]})
        >>> result = compare(before, after, "nDCG@10")
        >>> round(result.difference, 3), result.wins, result.ties, result.p_value
        (0.2, 2, 1, 0.5)
    """
    tables: list[Any] = [getattr(each, "per_query", each) for each in (before, after)]
    one, other = tables
    check_tables("compare", ("query_id",), optional=False, before=one, after=other)
    measure = getattr(before, "primary", PRIMARY) if measure is None else measure
    check_texts("compare", measure=measure)
    check_whole("compare", least=0, seed=seed)
    for table in (one, other):
        if measure not in table.columns:
            measures = ", ".join(name for name in table.columns if name != "query_id")
            raise RunError(f"no measure {measure!r} in the evaluation; it has: {measures}")
    one, other = one.sort("query_id"), other.sort("query_id")
    if not one["query_id"].equals(other["query_id"]):
        lone = set(one["query_id"]) ^ set(other["query_id"])
        detail = f"only one has {min(lone)!r}" if lone else "an id is repeated"
        raise RunError(f"the two evaluations do not have the same queries ({detail}); evaluate the same split")
    difference = (other[measure] - one[measure]).to_numpy()
    low, high = mean_interval(difference, seed=seed)
    return Comparison(
        metric=measure,
        n=len(difference),
        difference=float(difference.mean()),
        low=low,
        high=high,
        p_value=randomisation_p_value(difference, seed=seed),
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
    )


def randomisation_p_value(difference: Float64[np.ndarray, " queries"], *, seed: int, n_draws: int = 10_000) -> float:
    """Test whether paired differences are centred on 0 (Fisher's paired randomisation test, two-sided).

    If the two systems did not differ, each query's difference could as well have had the other sign. The
    p-value is the share of sign patterns whose mean lies at least as far from 0 as the one observed. Queries
    without a difference cannot tell and are set aside; with up to 12 others, all patterns are tried and the
    value is exact.

    References:
        Smucker, Allan and Carterette (2007), "A comparison of statistical significance tests for information
        retrieval evaluation". Phipson and Smyth (2010), "Permutation p-values should never be zero".
    """
    moved = difference[difference != 0]
    observed = abs(moved.sum())
    # Sums of the same numbers in another order differ by rounding; a pattern that ties must count as one.
    limit = observed - 1e-12 * np.abs(moved).sum()
    n = len(moved)
    if n < _EXACT_BELOW:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float((np.abs((1 - 2 * patterns) @ moved) >= limit).mean()) if n else 1.0
    rng = np.random.default_rng(seed)
    extreme = 0
    for draws in _chunks(n_draws, n):
        flips = np.unpackbits(np.frombuffer(rng.bytes(draws * n // 8 + 1), np.uint8), count=draws * n)
        sums = moved.sum() - 2.0 * (flips.reshape(draws, n) @ moved)
        extreme += int((np.abs(sums) >= limit).sum())
    return (extreme + 1) / (n_draws + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values such that one false alarm among all comparisons is as rare as the level says.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below the one before it, none
    exceeds 1. It assumes nothing about how the comparisons depend on each other.

    References:
        Holm (1979), "A simple sequentially rejective multiple test procedure".

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1))
    corrected: list[float] = np.minimum(stepped, 1.0)[np.argsort(order)].tolist()
    return corrected


def mean_interval(values: Float64[np.ndarray, " queries"], *, seed: int, n_draws: int = 10_000) -> tuple[float, float]:
    """Give the percentile bootstrap interval of a mean over queries, at 95 %."""
    rng = np.random.default_rng(seed)
    n = len(values)
    sampled = [values[rng.integers(n, size=(draws, n))].mean(axis=1) for draws in _chunks(n_draws, n)]
    low, high = np.quantile(np.concatenate(sampled), TAILS)
    return float(low), float(high)


def _chunks(n_draws: int, n: int) -> Iterator[int]:
    """Cut draws of `n` numbers each into portions that fit in a few megabytes."""
    size = max(1, _CHUNK // n)
    for start in range(0, n_draws, size):
        yield min(size, n_draws - start)
