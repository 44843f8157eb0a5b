"""The contrastive loss of nearly every two-tower model."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError

if TYPE_CHECKING:  # a recipe names losses and settings on machines without torch
    import torch

    import hardneg.losses.score_matrix


@dataclass(frozen=True)
class InfoNCE:
    """Softmax cross-entropy of the positive among the allowed documents of the pool.

    For a query `i` with target `t` this is `-log(exp(s_it / T) / sum_j exp(s_ij / T))`, where `j` runs over
    the allowed columns and `t`. A query with no allowed column but its target has loss and gradient zero.

    Args:
        temperature: Divides the scores, above 0. Smaller values press harder on the strongest negatives.
            0.05 fits cosine scores; published recipes use 0.01 to 0.05.

    Raises:
        RecipeError: The temperature is not a number above 0.

    References:
        van den Oord, Li and Vinyals (2018), arXiv:1807.03748, equation 4; the temperature follows
        sentence-transformers' MultipleNegativesRankingLoss (scale 20).
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise RecipeError(f"temperature of info_nce must be above 0, not {self.temperature}")

    def __call__(self, matrix: "hardneg.losses.score_matrix.ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        target = matrix.target.unsqueeze(1)
        allowed = matrix.allowed.scatter(1, target, True)
        logits = (matrix.scores / self.temperature).masked_fill(~allowed, -math.inf)
        return (logits.logsumexp(dim=1) - logits.gather(1, target).squeeze(1)).mean()
