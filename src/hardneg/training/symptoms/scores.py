"""Symptoms in the scores: negatives that behave like answers, a mask that takes too many, a collapsed model."""

from collections.abc import Sequence

from hardneg.data.findings import Finding
from hardneg.training.settings import TrainSettings
from hardneg.training.symptoms.trend import MIN_STEPS, Record, now, series, trend

# Most documents of a pool are easy: with a usable model one negative in a hundred scores above its positive, with a
# guessing one every second. A model that learns at least halves its share.
_ABOVE, _ABOVE_FALL = 0.1, 0.5
# The hardest mined negatives start above their positive, and training pushes true ones below. In one run each of
# benchmarks/poison.py (MiniLM, NFCorpus, InfoNCE), 59 % ended above with none planted, 69 % with 5 %, 81 % with 10 %
# of the mined negatives planted, 94 % with 20 %, all with 40 %.
_SUSPECTS_ABOVE = 0.75
# The gap between the means grows in a healthy run; a quarter of it left is far outside of what batches vary.
_GAP_LEFT, _GAP_P = 0.25, 0.05
# Cosines of unrelated texts are 0 to 0.3 in usual models, up to 0.8 in some; above 0.95 nothing tells them apart.
_ALL_ALIKE = 0.95
# Few documents of a random pool answer a query: a mask that takes a fifth of it judges by something else.
_MASK_HIGH = 0.2
_MASK_RISE, _MASK_RISE_P = 0.05, 1e-3
# In the same runs the cosine went from 0.34 to 0.26 with none planted, 0.42 to 0.34 with 5 %, 0.43 to 0.39 with 10 %,
# 0.46 to 0.43 with 20 %, 0.58 to 0.59 with 40 %.
_CONFLICT, _CONFLICT_FALL = 0.35, 0.8


def above_positive(records: Sequence[Record], settings: TrainSettings) -> Finding | None:  # noqa: ARG001
    """HN032: many negatives score above their positive, and training does not change that."""
    above, suspects = trend(series(records, "share_above")), series(records, "suspects_above")
    if len(records) < MIN_STEPS:
        return None
    seen = []
    if above is not None and above.late >= _ABOVE and above.late >= _ABOVE_FALL * above.early:
        seen.append(
            f"{above.late:.1%} of all negatives scored above their positive in the last third of {above.n} steps, "
            f"{above.early:.1%} in the first"
        )
    if len(suspects) > 1 and suspects[-1] >= _SUSPECTS_ABOVE:
        seen.append(
            f"{suspects[-1]:.0%} of the hardest mined negatives of a fixed probe batch score above their positive at "
            f"the end, {suspects[0]:.0%} at the start, although each was trained against"
        )
    if not seen:
        return None
    return Finding(
        code="HN032",
        severity="warning",
        title="negatives keep scoring above their positive",
        detail=(
            f"{'; '.join(seen)}. The model is told to push them away and cannot. Usually many of them are answers "
            "that nobody labelled; else the labels are noisy, or training is too short or the model too weak for the "
            "task"
        ),
        remedy=(
            "read the highest-scoring negatives beside their positive, measure them with `hardneg audit`, mine with a "
            "filter (`hardneg calibrate` suggests one), or train with a mask or a loss that tolerates noise"
        ),
        count=len(records),
    )


def collapse(records: Sequence[Record], settings: TrainSettings) -> Finding | None:  # noqa: ARG001
    """HN033: positives and negatives score alike, or everything scores 1."""
    whole = [r for r in records if r.get("positive_mean") is not None and r.get("negative_mean") is not None]
    positives, negatives = series(whole, "positive_mean"), series(whole, "negative_mean")
    if len(positives) != len(negatives):
        return None
    positive, negative, gap = trend(positives), trend(negatives), trend(positives - negatives)
    if positive is None or negative is None or gap is None:
        return None
    converged = gap.early > 0 and gap.late <= _GAP_LEFT * gap.early and gap.p_fall < _GAP_P
    all_alike = min(positive.late, negative.late) >= _ALL_ALIKE and positive.late <= 2 - _ALL_ALIKE
    if not (converged or all_alike):
        return None
    return Finding(
        code="HN033",
        severity="error",
        title="the scores collapse",
        detail=(
            f"positives score {positive.late:.3f} and negatives {negative.late:.3f} on average over the last third of "
            f"{gap.n} steps; their difference was {gap.early:.3f} in the first third and is {gap.late:.3f}. Usually "
            "the learning rate is too high, the negatives are copies or answers, or a margin loss has nothing but "
            "very hard negatives and finds it easiest to give every text the same vector"
        ),
        remedy=(
            f"lower learning_rate{now(records)}, mix easier negatives in (a larger batch, lower "
            "ranks), filter the mined ones, or use info_nce; do not use this model"
        ),
        count=gap.n,
    )


def masked(records: Sequence[Record], settings: TrainSettings) -> Finding | None:  # noqa: ARG001
    """HN034: the mask takes many negatives away, or ever more of them."""
    mask = trend(series(records, "mask_rate"))
    if mask is None:
        return None
    rises = mask.late - mask.early >= _MASK_RISE and mask.late >= 2 * mask.early and mask.p_rise < _MASK_RISE_P
    if mask.late < _MASK_HIGH and not rises:
        return None
    return Finding(
        code="HN034",
        severity="warning",
        title="the mask takes many negatives" if mask.late >= _MASK_HIGH else "the mask takes ever more negatives",
        detail=(
            f"the mask removed {mask.late:.1%} of the negatives over the last third of {mask.n} steps, "
            f"{mask.early:.1%} over the first. Usually its margin is too wide or its guide too weak to tell answers "
            "from the rest; a mask by the model's own score that takes ever more protects the model's own mistakes. "
            "The rows learn from what is left, which is easy"
        ),
        remedy="narrow the mask's margin, take a stronger guide, or filter the negatives once, before training",
        count=mask.n,
    )


def conflict(records: Sequence[Record], settings: TrainSettings) -> Finding | None:  # noqa: ARG001
    """HN035: pushing suspected answers away pushes the positives away too."""
    probed = [record for record in records if record.get("conflict") is not None]
    cosines, above = series(probed, "conflict"), series(probed, "suspects_above")
    if len(records) < MIN_STEPS or len(cosines) < 2:
        return None
    if cosines[-1] < max(_CONFLICT, _CONFLICT_FALL * cosines[0]):
        return None
    course = ", ".join(f"{value:.2f}" for value in cosines)
    ends = f"; {above[-1]:.0%} of the suspects score above their positive" if len(above) else ""
    return Finding(
        code="HN035",
        severity="warning",
        title="negatives and positives pull the same weights",
        detail=(
            f"on a fixed probe batch the gradients of the positives and of the most suspicious mined negatives have a "
            f"cosine of {course} (in the course of the run){ends}. What lowers those negatives' scores lowers the "
            "positives' too. Usually many of those negatives are answers, or copies of the positive in other words"
        ),
        remedy=(
            "read the negatives with the highest score beside their positive, and mine again with a margin, a teacher "
            "or the learned filter; `hardneg audit` tells how many answers are left"
        ),
        count=len(cosines),
        examples=tuple(f"step {record['step']:.0f}: {record['conflict']:.2f}" for record in probed[:5]),
    )
