"""InfoNCE whose positive must win by a margin."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError
from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class MarginInfoNCE:
    """InfoNCE with an additive margin: the positive's score counts `margin` less than it is.

    `-log(exp((s+ - m) / T) / (exp((s+ - m) / T) + sum_j exp(s_j / T)))`, where `j` runs over the negatives.

    Args:
        margin: Distance by which the positive must win, in units of the score, at least 0; 0 is InfoNCE.
        temperature: Divides the scores, above 0.

    Raises:
        RecipeError: A value is out of range.

    References:
        Yang et al. (2019), arXiv:1902.08564, equation 3 (additive margin softmax for sentence pairs).
    """

    margin: float = 0.1
    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_above_zero(self.temperature, loss="margin_info_nce")
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise RecipeError(f"margin of margin_info_nce must be 0 or more, not {self.margin}")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        from hardneg.losses.columns import cross_entropy, negative_logits, positive_logits

        positive = positive_logits(matrix, self.temperature, margin=self.margin)
        return cross_entropy(matrix, positive, negative_logits(matrix, self.temperature)).mean()
