"""What can be said of a training run before its first step."""

from collections.abc import Sequence

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.losses.kl import KL
from hardneg.losses.protocol import Loss
from hardneg.losses.weighted_sum import parts
from hardneg.negatives.own import left_unused
from hardneg.training.plan import Step
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores

# Scores between 0 and 1 differ by less than 1: divided by this much, no document gets a tenth more of the softmax than
# e^(1 / T) times another, so a teacher that is sure says next to nothing. docs/distillation.md gives 0.02 to 0.1.
_EVEN = 0.5


def notice(
    dataset: Dataset,
    negatives: pl.DataFrame | None,
    steps: Sequence[Step],
    *,
    settings: TrainSettings,
    teacher: TeacherScores | None,
    split: str,
) -> tuple[Finding, ...]:
    """Look at what goes into a run for what its owner may not have meant."""
    findings = [
        _unused(dataset, negatives, split) if settings.own_negatives else None,
        _left_out(steps),
        _even_teacher(settings.loss, teacher),
    ]
    return tuple(each for each in findings if each is not None)


def _unused(dataset: Dataset, negatives: pl.DataFrame | None, split: str) -> Finding | None:
    """HN037: the dataset brings negatives, and others are trained on."""
    n_unused = 0 if negatives is None else left_unused(negatives, dataset, split)
    if not n_unused:
        return None
    return Finding(
        code="HN037",
        severity="warning",
        title="judged negatives are not trained on",
        detail=(
            f"the labels call {n_unused:,} documents not relevant to queries of split {split!r}, and the mined "
            "negatives do not hold them: they are trained on only where they meet their query by chance"
        ),
        remedy=(
            "mine with the source 'judged' beside the others (--source judged), train without mined negatives, or set "
            "own_negatives to false to leave them out knowingly"
        ),
        count=n_unused,
    )


def _left_out(steps: Sequence[Step]) -> Finding | None:
    """HN040: pairs that no document could be a negative of."""
    most = max((step.left_out for step in steps), default=0)
    if not most:
        return None
    n_pairs = most + sum(step.n_pairs for step in steps if step.epoch == steps[0].epoch)
    return Finding(
        code="HN040",
        severity="warning",
        title="part of the training teaches nothing",
        detail=(
            f"{most:,} of {n_pairs:,} pairs of an epoch are left out: they have no negative of their own, and every "
            "document that could share a batch with them answers their query. Mostly one query has a large part of "
            "all answers"
        ),
        remedy=(
            "mine negatives (hardneg mine), cap the answers of a query, or train on more queries; a larger batch_size "
            "brings more queries together"
        ),
        count=most,
    )


def _even_teacher(loss: Loss, teacher: TeacherScores | None) -> Finding | None:
    """HN042: a teacher's squashed scores, divided by a temperature that makes all of them alike."""
    even = [each for each in parts(loss) if isinstance(each, KL) and each.teacher_temperature >= _EVEN]
    if teacher is None or not teacher.squashed or not even:
        return None
    return Finding(
        code="HN042",
        severity="warning",
        title="the teacher's softmax is all but even",
        detail=(
            f"kl divides the teacher's scores by teacher_temperature = {even[0].teacher_temperature:g}, and they are "
            "squashed between 0 and 1: even a sure teacher then gives its best document at most "
            f"e^{1 / even[0].teacher_temperature:.2g} times the share of its worst, and the student unlearns to tell "
            "them apart"
        ),
        remedy=(
            'set teacher_temperature to 0.02 to 0.1, or score with raw outputs (activation = "identity", as '
            "`hardneg score` does by default)"
        ),
        count=1,
    )
