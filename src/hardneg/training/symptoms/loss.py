"""Symptoms in the loss and the gradient: it does not fall, or it runs away."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from hardneg.data.findings import Finding
from hardneg.training.settings import TrainSettings
from hardneg.training.symptoms.trend import MIN_STEPS, Record, Trend, now, series, trend

# A fall counts if chance alone gives it in fewer than one run of 20, and if it is worth a twentieth.
_FALL_P, _FALL_SHARE = 0.05, 0.05
# With less than this to learn a flat loss is the end of the work, not a fault: a negative in ten above the positive,
# or, where that was not recorded, half of the loss of a model that guesses.
_ROOM_ABOVE, _ROOM_OF_CHANCE = 0.1, 0.5
# The lowest of several windows is low by luck as well. With windows of ten steps whose losses differ by a third among
# themselves, medians differ by a tenth, so half as much again is out of luck's reach.
_RISE, _RISE_P = 1.5, 1e-3
_MOST_WINDOWS, _WINDOW_STEPS = 5, 10
# Gradients of a healthy run vary two- or threefold, and shrink.
_EXPLOSION = 10.0
# A gradient this short is what rounding leaves of none. A loss of cosines has one of about 0.1 to 10.
_NO_GRADIENT = 1e-6
_IDLE_SHARE = 0.1


def plateau(records: Sequence[Record], settings: TrainSettings) -> Finding | None:  # noqa: ARG001
    """HN030: the loss did not fall, although there was something to learn."""
    loss = trend(series(records, "loss"))
    if loss is None or not _is_flat(loss) or not _has_room(records, loss):
        return None
    return Finding(
        code="HN030",
        severity="warning",
        title="the loss does not fall",
        detail=(
            f"the median loss is {loss.early:.4g} over the first third of {loss.n} steps and {loss.late:.4g} over "
            "the last third, and many negatives still score above their positive. Usually the learning rate is far "
            "too low, the trained weights do not reach the scores, or labels contradict each other: what one row "
            "calls an answer is a negative of another"
        ),
        remedy=(
            f"raise learning_rate{now(records)}, train more epochs, and run `hardneg data check`; "
            "if the negatives were mined, check them for answers (HN032, HN035)"
        ),
        count=loss.n,
    )


def _is_flat(loss: Trend) -> bool:
    fell = loss.p_fall < _FALL_P and loss.early - loss.late > _FALL_SHARE * abs(loss.early)
    return not fell and loss.late > 0


def _has_room(records: Sequence[Record], loss: Trend) -> bool:
    above, pool = trend(series(records, "share_above")), series(records, "n_pool")
    if above is not None:
        return above.late >= _ROOM_ABOVE
    return len(pool) > 0 and loss.late >= _ROOM_OF_CHANCE * math.log(max(2.0, float(np.median(pool))))


def idle(records: Sequence[Record], settings: TrainSettings) -> Finding | None:
    """HN040: steps without a gradient move nothing."""
    gradient = series(records, "grad_norm")
    n_idle = int((gradient < _NO_GRADIENT).sum())
    if not n_idle or n_idle < _IDLE_SHARE * len(gradient):
        return None
    return Finding(
        code="HN040",
        severity="warning",
        title="part of the training teaches nothing",
        detail=(
            f"{n_idle:,} of {len(gradient):,} steps had no gradient (shorter than {_NO_GRADIENT:g}), so that nothing "
            "was learned in them. Usually the temperature is so small that a positive which wins by a hair has no loss "
            "left, the margin of a hinge is kept by all negatives, or batches have no negatives"
        ),
        remedy=(
            f"look at the loss, {settings.loss!r}: raise its temperature (0.01 to 0.05 are usual) or its margin, mine "
            "harder negatives, or take a larger batch"
        ),
        count=n_idle,
        examples=tuple(f"step {_step(record)}" for record in records if _is_idle(record))[:5],
    )


def _is_idle(record: Record) -> bool:
    norm = record.get("grad_norm")
    return norm is not None and norm < _NO_GRADIENT


def divergence(records: Sequence[Record], settings: TrainSettings) -> Finding | None:
    """HN031: the loss is no number, rose for good, or the gradient exploded."""
    broken = [record for record in records if record.get("loss", 0.0) is None or record.get("grad_norm", 0.0) is None]
    loss, gradient = series(records, "loss"), series(records, "grad_norm")
    if broken:
        seen = f"at step {_step(broken[0])} the loss or the gradient is no finite number"
    elif (rise := _rise(loss)) is not None:
        seen = f"the median loss rose from {rise[0]:.4g} to {rise[1]:.4g} and stayed there to the last step"
    elif (explosion := _explosion(gradient)) is not None:
        seen = f"the median length of the gradient grew from {explosion[0]:.4g} to {explosion[1]:.4g}"
    else:
        return None
    return Finding(
        code="HN031",
        severity="error",
        title="training diverges",
        detail=(
            f"{seen}. Usually the learning rate is too high or its warm-up too short; bfloat16 and a very small "
            "temperature add to it. A rise can also come with harder negatives in the course of a run"
        ),
        remedy=(
            f"lower learning_rate{now(records)} to a third, raise warmup_share (now "
            f"{settings.warmup_share:g}), keep max_grad_norm at 1, or set precision to fp32; do not use this model"
        ),
        count=len(broken) or len(loss),
        examples=tuple(f"step {_step(record)}" for record in broken[:5]),
    )


def _step(record: Record) -> str:
    step = record.get("step")
    return "?" if step is None else f"{step:.0f}"


def _rise(loss: Float64[np.ndarray, " steps"]) -> tuple[float, float] | None:
    """Compare the last window with the lowest one, and see whether the rise matters beside the start."""
    if len(loss) < MIN_STEPS:
        return None
    from scipy.stats import mannwhitneyu

    windows = np.array_split(loss, min(_MOST_WINDOWS, len(loss) // _WINDOW_STEPS))
    medians = [float(np.median(window)) for window in windows]
    lowest = int(np.argmin(medians))
    low, last, size = medians[lowest], medians[-1], max(abs(medians[0]), abs(medians[lowest]))
    if last - low <= (_RISE - 1) * max(abs(low), 0.2 * size) or lowest == len(windows) - 1:
        return None
    p_value = mannwhitneyu(windows[-1], windows[lowest], alternative="greater").pvalue
    return (low, last) if p_value < _RISE_P else None


def _explosion(gradient: Float64[np.ndarray, " steps"]) -> tuple[float, float] | None:
    norm = trend(gradient)
    exploded = norm is not None and norm.early > 0 and norm.late >= _EXPLOSION * norm.early
    return (norm.early, norm.late) if norm is not None and exploded else None
