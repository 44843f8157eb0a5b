"""The hinge: a positive must beat its negatives by a margin, and no more."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from hardneg.errors import RecipeError
from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix

Negatives = Literal["all", "hardest"]


@dataclass(frozen=True)
class Triplet:
    """Triplet loss: `max(0, m + s_j - s+)`.

    Its gradient does not grow with a negative's hardness, so one false negative pulls no harder than any other.

    Args:
        margin: Distance by which the positive must win, in units of the score, above 0.
        negatives: "all" averages over the negatives of a query, by their weights; "hardest" takes the
            largest, the weight applied after the hinge. A query with no negative has loss 0.

    Raises:
        RecipeError: A value is out of range.

    References:
        Schroff et al. (2015), arXiv:1503.03832, equation 3.
    """

    margin: float = 0.2
    negatives: Negatives = "all"

    def __post_init__(self) -> None:
        check_above_zero(self.margin, loss="triplet", name="margin")
        if self.negatives not in get_args(Negatives):
            raise RecipeError(f'negatives of triplet must be "all" or "hardest", not {self.negatives!r}')

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        share = matrix.is_negative.to(matrix.scores.dtype)
        if matrix.weight is not None:
            share = share * matrix.weight
        hinge = (self.margin + matrix.scores - matrix.positive.unsqueeze(1)).clamp_min(0) * share
        if self.negatives == "hardest":
            return hinge.amax(dim=1).mean()
        return (hinge.sum(dim=1) / share.sum(dim=1).clamp_min(1e-12)).mean()
