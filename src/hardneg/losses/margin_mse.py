"""Distillation of margins: the student shall prefer its positive by as much as the teacher does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class MarginMSE:
    """Squared difference between the student's margins and a teacher's.

    With s the student's scores and t the teacher's, a negative j adds `((scale s+ - scale s_j) - (t+ - t_j))^2`.
    Margins are signed: what the teacher scores above the positive shall stay above it, so an answer that nobody
    labelled is not pushed away. Negatives count by their weights; those that the teacher did not score are left out,
    and a query with none left, or whose positive has no score, has loss zero. The mean is over the negatives of each
    query, then over the queries, which is the mean over all cells where each query has as many.

    Args:
        scale: Multiplies the student's scores, above 0. Cosines differ by at most 2, the outputs of cross-encoders
            by 10 or 20: 20, the inverse of the temperature of `info_nce`, lets them meet. 1 fits models that
            compare by dot products, and teachers that give cosines.

    Raises:
        RecipeError: The scale is not a number above 0.

    References:
        Hofstätter et al. (2020), arXiv:2010.02666, equations 3 and 4 (dot products, scale 1).
    """

    scale: float = 20.0

    needs_logits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_above_zero(self.scale, loss="margin_mse", name="scale")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        from hardneg.losses.columns import given_teacher

        teacher = given_teacher(matrix, loss="margin_mse")
        wanted = teacher.gather(1, matrix.target.unsqueeze(1)) - teacher
        share = (matrix.is_negative & wanted.isfinite()).to(matrix.scores.dtype)
        if matrix.weight is not None:
            share = share * matrix.weight
        margin = self.scale * (matrix.positive.unsqueeze(1) - matrix.scores)
        error = (margin - wanted.nan_to_num()).square() * share
        return (error.sum(dim=1) / share.sum(dim=1).clamp_min(1e-12)).mean()
