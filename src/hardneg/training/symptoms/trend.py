"""How a recorded figure moved over a run, by statistics that a few odd steps do not sway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

Record = Mapping[str, float | None]

# Below this, a third of the run holds fewer than ten steps, whose median says more about the draw of the
# batches than about the model. No symptom is looked for in so short a run.
MIN_STEPS = 30


@dataclass(frozen=True)
class Trend:
    """Where a figure began and where it ended."""

    early: float  # median over the first third of the steps
    late: float  # over the last
    p_rise: float  # chance of such a rise if nothing had changed
    p_fall: float
    n: int  # steps that have the figure


def series(records: Sequence[Record], name: str) -> Float64[np.ndarray, " steps"]:
    """Take one figure from the records, without the steps that lack it or where it is no finite number."""
    given = [record.get(name) for record in records]
    values = np.array([value for value in given if value is not None], dtype=np.float64)
    return values[np.isfinite(values)]


def now(records: Sequence[Record]) -> str:
    """Name the largest learning rate that was recorded, in brackets; empty without any."""
    rates = series(records, "learning_rate")
    return f" (now {rates.max():g})" if len(rates) else ""


def trend(values: Float64[np.ndarray, " steps"]) -> Trend | None:
    """Compare the first third of a series with the last.

    Medians and ranks are used because single batches are noisy and have heavy tails: the last batches of an
    epoch are smaller, and one odd batch can have ten times the gradient.

    References:
        Mann and Whitney (1947), "On a test of whether one of two random variables is stochastically larger
        than the other".
    """
    if len(values) < MIN_STEPS:
        return None
    from scipy.stats import mannwhitneyu

    early, late = np.array_split(values, 3)[0], np.array_split(values, 3)[2]
    p_rise, p_fall = (float(mannwhitneyu(late, early, alternative=side).pvalue) for side in ("greater", "less"))
    return Trend(float(np.median(early)), float(np.median(late)), p_rise, p_fall, len(values))
