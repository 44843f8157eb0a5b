"""The contrastive loss of nearly every two-tower model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses and settings on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class InfoNCE:
    """Softmax cross-entropy of the positive among the allowed documents of the pool.

    For a query `i` with target `t` this is `-log(exp(s_it / T) / sum_j w_ij exp(s_ij / T))`, where `j` runs
    over the allowed columns and `t`; the weights are 1 where none are given, and for `t`. A query with no
    allowed column but its target has loss and gradient zero.

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
        check_above_zero(self.temperature, loss="info_nce")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        from hardneg.losses.columns import cross_entropy, negative_logits, positive_logits

        positive = positive_logits(matrix, self.temperature)
        return cross_entropy(matrix, positive, negative_logits(matrix, self.temperature)).mean()
