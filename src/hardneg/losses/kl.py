"""Distillation of distributions: the student shall spread its belief over the documents as the teacher does."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix


@dataclass(frozen=True)
class KL:
    """Divergence of the student's softmax from a teacher's: `KL(softmax(t / T_t) || softmax(scale s / T)) T^2`.

    The softmax of a query runs over its positive and its negatives, as far as the teacher scored them; a query with
    fewer than two of them has loss zero. A negative's weight multiplies its exponential on both sides: at 0 it is left
    out, and at any other weight the student that agrees with the teacher still has the least loss. `T^2` keeps
    the gradient about as large whatever the temperatures.

    Args:
        temperature: Divides the student's scaled scores, above 0. Larger values look at the order of the unlikely
            documents too.
        teacher_temperature: Divides the teacher's scores, above 0. Outputs of cross-encoders fit 1; scores between
            0 and 1 need about 0.02 to 0.1, else the teacher's softmax is all but even.
        scale: Makes logits of the student's scores, above 0. 20, the inverse of the temperature of `info_nce`,
            fits cosines, 1 fits dot products.

    Raises:
        RecipeError: A value is not a number above 0.

    References:
        Hinton, Vinyals and Dean (2015), arXiv:1503.02531, section 2, for T^2; over a query's documents as in SimLM,
        arXiv:2207.02578.
    """

    temperature: float = 1.0
    teacher_temperature: float = 1.0
    scale: float = 20.0

    needs_logits: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_above_zero(self.temperature, loss="kl")
        check_above_zero(self.teacher_temperature, loss="kl", name="teacher_temperature")
        check_above_zero(self.scale, loss="kl", name="scale")

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        from hardneg.losses.columns import given_teacher

        teacher = given_teacher(matrix, loss="kl")
        compared = matrix.is_negative.scatter(1, matrix.target.unsqueeze(1), True) & teacher.isfinite()
        compared = compared & (compared.sum(dim=1, keepdim=True) > 1)
        wanted = _log_softmax(teacher.nan_to_num() / self.teacher_temperature, compared, matrix)
        given = _log_softmax(matrix.scores * (self.scale / self.temperature), compared, matrix)
        divergence = wanted.exp() * (wanted - given).masked_fill(~compared, 0.0)
        return divergence.sum(dim=1).mean() * self.temperature**2


def _log_softmax(logits: "torch.Tensor", compared: "torch.Tensor", matrix: "ScoreMatrix") -> "torch.Tensor":
    """Normalise over the compared columns, negatives by their weights; rows without any come out even."""
    if matrix.weight is not None:
        weight = matrix.weight.scatter(1, matrix.target.unsqueeze(1), 1.0)
        logits = logits + weight.log()
    logits = logits.masked_fill(~compared, -math.inf)
    return logits.masked_fill(~compared.any(dim=1, keepdim=True), 0.0).log_softmax(dim=1)
