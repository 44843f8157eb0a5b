"""Several losses at once, and what the parts of a loss need."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError
from hardneg.losses.protocol import Distilling, Loss

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class WeightedSum:
    """Sum of losses of one score matrix, each times its weight.

    A recipe writes it as an array: `loss = [{ use = "info_nce", weight = 1.0 }, { use = "kl", weight = 0.2 }]`.

    Args:
        losses: At least one.
        weights: One for each loss, above 0.

    Raises:
        RecipeError: There is no loss, or a weight is missing or not a number above 0.
    """

    losses: tuple[Loss, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.losses or len(self.losses) != len(self.weights):
            raise RecipeError(
                f"a weighted sum needs at least one loss and a weight for each, not {len(self.losses)} losses and "
                f"{len(self.weights)} weights"
            )
        for weight in self.weights:
            if not (math.isfinite(weight) and weight > 0):
                raise RecipeError(f"the weight of a loss must be above 0, not {weight}; leave the loss out instead")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the sum of the weighted losses."""
        import torch

        return torch.stack([loss(matrix) * weight for loss, weight in self.terms()]).sum()

    def terms(self) -> Iterator[tuple[Loss, float]]:
        """Give each loss with its weight."""
        return zip(self.losses, self.weights, strict=True)


def parts(loss: Loss) -> Iterator[Loss]:
    """Give the losses that a sum is made of, however deep; any other loss is its own only part."""
    if isinstance(loss, WeightedSum):
        for each in loss.losses:
            yield from parts(each)
    else:
        yield loss


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
