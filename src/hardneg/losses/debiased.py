"""InfoNCE that expects some of its negatives to be answers."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError
from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class Debiased:
    """Debiased contrastive loss: takes the share of hidden answers out of the sum over negatives.

    With N negatives, `g = max(sum_j exp(s_j / T) / N - tau exp(s+ / T), exp(-1 / T) (1 - tau)) / (1 - tau)` and the
    loss is `-log(exp(s+ / T) / (exp(s+ / T) + N g))`. With `tau_plus = 0` it is InfoNCE as long as scores are cosines,
    which the lower bound assumes.

    Args:
        tau_plus: Expected share of answers among the negatives, at least 0 and below 1. An audit estimates it.
        temperature: Divides the scores, above 0.

    Raises:
        RecipeError: A value is out of range.

    References:
        Chuang et al. (2020), arXiv:2007.00224, equations 7 and 8 with one positive.
    """

    tau_plus: float = 0.05
    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_above_zero(self.temperature, loss="debiased")
        if not 0 <= self.tau_plus < 1:
            raise RecipeError(f"tau_plus of debiased must be at least 0 and below 1, not {self.tau_plus}")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        import torch

        from hardneg.losses.columns import negative_logits

        # Everything is divided by exp(s+ / T), so that nothing overflows at small temperatures.
        positive = matrix.positive / self.temperature
        count = matrix.is_negative.to(matrix.scores.dtype)
        if matrix.weight is not None:
            count = count * matrix.weight
        n = count.sum(dim=1)
        relative = (negative_logits(matrix, self.temperature) - positive.unsqueeze(1)).clamp_max(_LARGEST)
        floor = (-1 / self.temperature - positive).clamp_max(_LARGEST).exp() * n
        corrected = torch.maximum((relative.exp().sum(dim=1) - self.tau_plus * n) / (1 - self.tau_plus), floor)
        return corrected.log1p().mean()


_LARGEST = math.log(1e30)
