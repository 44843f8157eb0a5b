"""InfoNCE that presses harder on harder negatives."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError
from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class HardnessWeighted:
    """InfoNCE whose negatives weigh `exp(alpha * s_j)`, a weight through which no gradient flows.

    The opposite of tolerance: it pays where negatives are clean, and costs where they are not.

    Args:
        alpha: Strength, at least 0; 0 is InfoNCE.
        temperature: Divides the scores, above 0, but not `alpha * s_j`.

    Raises:
        RecipeError: A value is out of range.

    References:
        Lan et al. (2025), arXiv:2503.04812, equation 5 (alpha 9); EmbeddingGemma, arXiv:2509.20354 (alpha 5).
    """

    alpha: float = 5.0
    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_above_zero(self.temperature, loss="hardness_weighted")
        if not (math.isfinite(self.alpha) and self.alpha >= 0):
            raise RecipeError(f"alpha of hardness_weighted must be 0 or more, not {self.alpha}")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        from hardneg.losses.columns import cross_entropy, negative_logits, positive_logits

        hardness = self.alpha * matrix.scores.detach()
        negative = negative_logits(matrix, self.temperature) + hardness
        return cross_entropy(matrix, positive_logits(matrix, self.temperature), negative).mean()
