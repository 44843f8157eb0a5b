"""What a training run shows of its own health, read from its record alone.

`symptoms` is a function of the record: it can be asked again of a finished folder, without a model:

    symptoms(TrainingFolder(path).records(), settings)
"""

from collections.abc import Callable, Sequence

from hardneg.data.findings import Finding, in_order
from hardneg.losses.weighted_sum import without_teacher
from hardneg.training.settings import TrainSettings
from hardneg.training.symptoms.loss import divergence, idle, plateau
from hardneg.training.symptoms.scores import above_positive, collapse, conflict, masked
from hardneg.training.symptoms.trend import Record

Check = Callable[[Sequence[Record], TrainSettings], Finding | None]

# Each looks for one symptom; its thresholds stand beside it, docs/symptoms.md gives the reasons.
CHECKS: tuple[Check, ...] = (plateau, divergence, idle, above_positive, collapse, masked, conflict)
# They presume that every negative is pushed away. A loss of the teacher's alone leaves above the positive what the
# teacher puts there.
_OF_PUSHED: tuple[Check, ...] = (above_positive, conflict)


def symptoms(records: Sequence[Record], settings: TrainSettings) -> list[Finding]:
    """Look for signs that a run goes wrong, or that its negatives are answers.

    Nothing is said of runs with fewer than `MIN_STEPS` steps, except that the loss is no longer a number and that steps
    have no gradient.

    Args:
        records: One a step, in order, as `loss.jsonl` holds them: `loss`, `grad_norm`, `n_pool`,
            `positive_mean`, `negative_mean`, `share_above`, `mask_rate`, and where a probe was taken
            `conflict` and `suspects_above`. A figure may be missing from some steps or all; None stands for one
            that was no finite number.
        settings: How the model is trained.

    Returns:
        The findings, errors first, then by code; empty for a healthy run.
    """
    spared = _OF_PUSHED if without_teacher(settings.loss) is None else ()
    checks = [check for check in CHECKS if check not in spared]
    return list(in_order([finding for check in checks if (finding := check(records, settings))]))
