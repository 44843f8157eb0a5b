"""Figures with intervals: ratios over queries, shares of a sample, and the agreement of two judges."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer
from scipy.stats import binomtest

from hardneg.evaluation.significance import TAILS

_CHUNK = 2_000_000  # numbers drawn at a time
_DRAWS = 2_000


@dataclass(frozen=True)
class Interval:
    """A figure and how sure it is."""

    value: float | None  # None if there is nothing to estimate it from
    low: float | None
    high: float | None
    n: int  # what the value is a share or a mean of: the sum of the denominators

    def columns(self, name: str) -> dict[str, float | None]:
        """Name value and ends as columns of a table."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


NOTHING = Interval(None, None, None, 0)


def ratios(
    above: Float64[np.ndarray, "rows figures"],
    below: Float64[np.ndarray, "rows figures"],
    *,
    cluster: Integer[np.ndarray, " rows"],
    seed: int,
    n_draws: int = _DRAWS,
) -> list[Interval]:
    """Estimate ratios of sums, with percentile bootstrap intervals over clusters of rows.

    Rows of a query depend on each other, so whole clusters are drawn, never single rows. Draws whose denominator is
    0 say nothing and are left out. All figures share their draws.

    References:
        Efron and Tibshirani (1993), "An introduction to the bootstrap", chapter 13; ratio estimators: Cochran
        (1977), "Sampling techniques", chapter 6.
    """
    top, bottom = _sums(above, cluster), _sums(below, cluster)
    if len(top) == 0:
        return [NOTHING] * above.shape[1]
    drawn = [(times @ top, times @ bottom) for times in _draws(len(top), n_draws, seed)]
    tops, bottoms = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return [
        _figure(top[:, i].sum(), bottom[:, i].sum(), tops[bottoms[:, i] > 0, i], bottoms[bottoms[:, i] > 0, i])
        for i in range(top.shape[1])
    ]


def wilson(count: int, n: int) -> Interval:
    """Estimate a share from a simple random sample, with Wilson's interval.

    References:
        Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    >>> wilson(0, 100).high < 0.04
    True
    """
    if n == 0:
        return NOTHING
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return Interval(count / n, float(interval.low), float(interval.high), n)


def kappa(first: Bool[np.ndarray, " pairs"], second: Bool[np.ndarray, " pairs"]) -> Interval:
    """Estimate how far two judges agree beyond chance (Cohen's kappa), with a bootstrap interval over pairs.

    References:
        Cohen (1960), "A coefficient of agreement for nominal scales".

    >>> said = np.array([True, True, False, False])
    >>> kappa(said, said).value
    1.0
    """
    n = len(first)
    if n == 0:
        return NOTHING
    counts = np.bincount(2 * first.astype(np.int64) + second, minlength=4)
    value = _kappa(counts[None])[0]
    if np.isnan(value):
        return Interval(None, None, None, n)
    drawn = _kappa(np.random.default_rng(0).multinomial(n, counts / n, size=_DRAWS))
    low, high = np.quantile(drawn[~np.isnan(drawn)], TAILS)
    return Interval(float(value), float(low), float(high), n)


def _kappa(counts: Int64[np.ndarray, "tables 4"]) -> Float64[np.ndarray, " tables"]:
    """Kappa of tables of counts (no no, no yes, yes no, yes yes); not a number where chance agrees fully."""
    share = counts / counts.sum(axis=1, keepdims=True)
    observed = share[:, 0] + share[:, 3]
    first, second = share[:, 2] + share[:, 3], share[:, 1] + share[:, 3]
    chance = first * second + (1 - first) * (1 - second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)


def resampled(n: int, *, n_draws: int, seed: int) -> Float64[np.ndarray, "draws clusters"]:
    """Say how often each of `n` clusters is in each bootstrap sample."""
    return np.concatenate(list(_draws(n, n_draws, seed)))


def _sums(
    values: Float64[np.ndarray, "rows figures"], cluster: Integer[np.ndarray, " rows"]
) -> Float64[np.ndarray, "clusters figures"]:
    distinct, which = np.unique(cluster, return_inverse=True)
    sums = np.zeros((len(distinct), values.shape[1]))
    np.add.at(sums, which, values)
    return sums


def _draws(n: int, n_draws: int, seed: int) -> Iterator[Float64[np.ndarray, "draws clusters"]]:
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK // n)
    for start in range(0, n_draws, size):
        draws = min(size, n_draws - start)
        members = rng.integers(n, size=(draws, n)) + np.arange(draws)[:, None] * n
        yield np.bincount(members.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _figure(
    above: float, below: float, tops: Float64[np.ndarray, " draws"], bottoms: Float64[np.ndarray, " draws"]
) -> Interval:
    if below == 0:
        return NOTHING
    low, high = np.quantile(tops / bottoms, TAILS)
    return Interval(float(above / below), float(low), float(high), round(float(below)))
