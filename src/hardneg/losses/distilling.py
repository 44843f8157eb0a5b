"""Losses that learn from a teacher: what they need, and which parts of a loss they are."""

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hardneg.errors import RecipeError, RunError
from hardneg.losses.protocol import Loss
from hardneg.losses.weighted_sum import WeightedSum, parts

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    import hardneg.losses.score_matrix


@runtime_checkable
class Distilling(Loss, Protocol):
    """A loss that reads the teacher's scores of a matrix, and by them alone decides what is pushed where."""

    @property
    def needs_logits(self) -> bool:
        """Whether the scores must be raw: squashed between 0 and 1, they would mean nothing to it."""


def needs_teacher(loss: Loss) -> bool:
    """Say whether a loss, or a part of it, reads a teacher's scores."""
    return any(isinstance(part, Distilling) for part in parts(loss))


def needs_logits(loss: Loss) -> bool:
    """Say whether a loss, or a part of it, can do nothing with scores that are squashed between 0 and 1."""
    return any(isinstance(part, Distilling) and part.needs_logits for part in parts(loss))


def without_teacher(loss: Loss) -> Loss | None:
    """Take the parts that read a teacher's scores out of a loss."""
    if not needs_teacher(loss):
        return loss
    if not isinstance(loss, WeightedSum):
        return None
    left = [(rest, weight) for each, weight in loss.terms() if (rest := without_teacher(each)) is not None]
    return WeightedSum(tuple(rest for rest, _ in left), tuple(weight for _, weight in left)) if left else None


def given_teacher(matrix: "hardneg.losses.score_matrix.ScoreMatrix", *, loss: str) -> "torch.Tensor":
    """Take the teacher's scores of a matrix; a RunError names the loss if there are none."""
    if matrix.teacher is None:
        raise RunError(f"{loss} learns from a teacher's scores, but the score matrix has none; give it `teacher`")
    return matrix.teacher.to(matrix.scores.dtype)


def checked_scale(scale: float, *, loss: str) -> None:
    """Make sure that scores can be multiplied by a scale; a RecipeError names the loss if not."""
    if not (math.isfinite(scale) and scale > 0):
        raise RecipeError(f"scale of {loss} must be above 0, not {scale}")
