"""What every loss can do, and the check that most of them make."""

import math
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hardneg.errors import RecipeError

if TYPE_CHECKING:  # a recipe names losses and settings on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@runtime_checkable
class Loss(Protocol):
    """A function of a score matrix. Losses are frozen dataclasses, known by their `repr`."""

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Reduce a score matrix to the mean loss of its queries.

        Args:
            matrix: Scores of at least one query.

        Returns:
            A scalar with a graph to `matrix.scores`.
        """


@runtime_checkable
class Distilling(Loss, Protocol):
    """A loss that reads the teacher's scores of a matrix, and by them alone decides what is pushed where."""

    @property
    def needs_logits(self) -> bool:
        """Whether the scores must be raw: squashed between 0 and 1, they would mean nothing to it."""


def check_above_zero(value: float, *, loss: str, name: str = "temperature") -> None:
    """Make sure that a setting of a loss is a number above 0; the default name is that of what divides scores."""
    if not (math.isfinite(value) and value > 0):
        raise RecipeError(f"{name} of {loss} must be above 0, not {value}")
