"""From answers that were hidden to answers that nobody labelled: learning from positive and unlabelled examples."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Integer

from hardneg.audits.intervals import NOTHING, Interval, ratios, resampled
from hardneg.evaluation.significance import TAILS

_TINY = 1e-6
_CHUNK = 64  # bootstrap samples at a time


@dataclass(frozen=True)
class Unlabelled:
    """Three figures of the contamination of the selected negatives, and what the third rests on."""

    bound: Interval  # hidden answers among the negatives: certain, and too low
    estimate: Interval  # these and those expected among the unlabelled, with c by the estimator e1
    estimate_max: float | None  # the same with c by e3
    labelled: Interval  # c, the share of the answers that were planted; too low where answers look like others
    labelled_max: float | None  # c by e3; a single overconfident probability makes it too high


def p_unlabelled(g: Float64[np.ndarray, " rows"], c: float) -> Float64[np.ndarray, " rows"]:
    """Turn P(planted) into P(answer) of candidates that were not planted.

    References:
        Elkan and Noto (2008), "Learning classifiers from only positive and unlabeled data", section 3.

    >>> p_unlabelled(np.array([0.0, 0.25, 0.5]), 0.5)
    array([0.        , 0.33333333, 1.        ])
    """
    return np.clip((1 - c) / c * g / np.maximum(1 - g, _TINY), 0.0, 1.0)


def estimated(
    g: Float64[np.ndarray, " rows"],
    *,
    hidden: Bool[np.ndarray, " rows"],
    selected: Bool[np.ndarray, " rows"],
    cluster: Integer[np.ndarray, " rows"],
    seed: int,
    n_draws: int = 1_000,
) -> Unlabelled:
    """Estimate the contamination of the selected negatives, unlabelled answers included.

    It is assumed that labels are missing at random: an answer was as likely to be labelled, and hidden, as any other.
    Where easy answers are labelled first the estimate is too low. The interval is that of drawing other clusters, not
    of fitting another classifier.

    References:
        Elkan and Noto (2008), equations 1 to 4.
    """
    if not hidden.any() or not selected.any():
        return Unlabelled(NOTHING, NOTHING, None, NOTHING, None)
    one = np.ones(len(g))
    bound, labelled = ratios(
        np.stack([one * (hidden & selected), g * hidden], axis=1),
        np.stack([one * selected, one * hidden], axis=1),
        cluster=cluster,
        seed=seed,
        n_draws=n_draws,
    )
    c_max = float(np.clip(g.max(), _TINY, 1 - _TINY))
    _, which = np.unique(cluster, return_inverse=True)
    times = resampled(int(which.max()) + 1, n_draws=n_draws, seed=seed)
    part = hidden | selected  # other rows count for nothing
    draws = [
        _contamination(g[part], hidden[part], selected[part], times[at : at + _CHUNK][:, which[part]])
        for at in range(0, n_draws, _CHUNK)
    ]
    low, high = np.nanquantile(np.concatenate(draws), TAILS)
    value = _with(g, hidden, selected, float(np.clip(g[hidden].mean(), _TINY, 1 - _TINY)))
    estimate = Interval(value, float(low), float(high), bound.n)
    return Unlabelled(bound, estimate, _with(g, hidden, selected, c_max), labelled, c_max)


def _with(
    g: Float64[np.ndarray, " rows"], hidden: Bool[np.ndarray, " rows"], selected: Bool[np.ndarray, " rows"], c: float
) -> float:
    expected = p_unlabelled(g[selected & ~hidden], c).sum() + (selected & hidden).sum()
    return float(expected / selected.sum())


def _contamination(
    g: Float64[np.ndarray, " rows"],
    hidden: Bool[np.ndarray, " rows"],
    selected: Bool[np.ndarray, " rows"],
    times: Float64[np.ndarray, "draws rows"],
) -> Float64[np.ndarray, " draws"]:
    """Estimate once for each sample; `times` says how often each row is in it."""
    nothing = np.full(len(times), np.nan)
    c = np.divide(times @ (g * hidden), times @ hidden, out=nothing.copy(), where=times @ hidden > 0)
    c = np.clip(c, _TINY, 1 - _TINY)
    odds = g / np.maximum(1 - g, _TINY)
    expected = np.minimum(((1 - c) / c)[:, None] * odds, 1.0) * (selected & ~hidden)
    above = times @ (hidden & selected).astype(np.float64) + (times * expected).sum(axis=1)
    below = times @ selected.astype(np.float64)
    return np.divide(above, below, out=nothing, where=below > 0)
