"""Everything that steers the training of a teacher; the defaults and their sources are in docs/teacher_training.md."""

import importlib.util
from dataclasses import dataclass
from typing import get_args

from hardneg.errors import MissingExtraError, RecipeError
from hardneg.models.options import Precision, check_installed


@dataclass(frozen=True, kw_only=True)
class TeacherSettings:
    """How a cross-encoder is trained.

    Args:
        folds: Models to train, each without one fold of the queries, at least 2.
        group: Column of queries whose equal values stay in one fold; None goes by text alone.
        epochs: Times every pair is seen.
        batch_size: Pairs of a step.
        learning_rate: Peak of the schedule, which climbs over the first tenth of the steps and falls to 0 on a line.
        max_tokens: Pairs are cut there; the models are saved with this limit. None takes the model's own.
        negatives_per_query: Mined negatives of each query, by a seeded choice; None takes all.
        random_per_query: Documents drawn at random as further negatives of each query. They are easy: a new head that
            sees hard negatives alone may learn nothing at all.
        pos_weight: Weight of a positive against a negative; None takes negatives per positive, so that both sides
            weigh the same.
        precision: "bf16" multiplies in bfloat16 and keeps weights in float32; "auto" does so where the device has
            instructions for it.
        dropout: Whether the model's own dropout is on; drawing it takes a quarter of a step on a CPU.
        max_pairs: Cap on the positive pairs trained on, by a seeded choice of queries; None takes all.
        seed: Decides folds, choices, order, dropout and the new head.

    Raises:
        RecipeError: A value is outside its range.
    """

    folds: int = 2
    group: str | None = None
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    max_tokens: int | None = None
    negatives_per_query: int | None = None
    random_per_query: int = 3
    pos_weight: float | None = None
    precision: Precision = "auto"
    dropout: bool = False
    max_pairs: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"folds": 2, "epochs": 1, "batch_size": 1, "seed": 0, "max_tokens": 8, "random_per_query": 0}
        least |= {"negatives_per_query": 1, "max_pairs": 2}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise RecipeError(f"teacher: {name} must be at least {smallest}, not {value}")
        for name in ("learning_rate", "pos_weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise RecipeError(f"teacher: {name} must be above 0, not {value}")
        if self.precision not in get_args(Precision):
            raise RecipeError(
                f"teacher: precision must be one of {', '.join(get_args(Precision))}, not {self.precision!r}"
            )


def check_teachable() -> None:
    """Make sure that what trains a teacher is installed, before anything imports it."""
    check_installed("training a teacher", training=True)
    if importlib.util.find_spec("datasets") is None:
        raise MissingExtraError("datasets", extra="teacher", purpose="training a teacher")
