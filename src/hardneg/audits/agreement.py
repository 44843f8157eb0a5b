"""How far two people who judged the same pairs agree, beyond what chance would give."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from hardneg.audits.intervals import NOTHING, Estimate

_TAILS = (0.025, 0.975)


def kappa(
    first: Bool[np.ndarray, " pairs"], second: Bool[np.ndarray, " pairs"], *, seed: int = 0, n_draws: int = 2_000
) -> Estimate:
    """Estimate Cohen's kappa of two judges, with a percentile bootstrap interval over pairs.

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
        return Estimate(None, None, None, n)
    drawn = _kappa(np.random.default_rng(seed).multinomial(n, counts / n, size=n_draws))
    low, high = np.quantile(drawn[~np.isnan(drawn)], _TAILS)
    return Estimate(float(value), float(low), float(high), n)


def _kappa(counts: Int64[np.ndarray, "tables 4"]) -> Float64[np.ndarray, " tables"]:
    """Kappa of tables of counts (no no, no yes, yes no, yes yes); not a number where chance agrees fully."""
    share = counts / counts.sum(axis=1, keepdims=True)
    observed = share[:, 0] + share[:, 3]
    first, second = share[:, 2] + share[:, 3], share[:, 1] + share[:, 3]
    chance = first * second + (1 - first) * (1 - second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)
