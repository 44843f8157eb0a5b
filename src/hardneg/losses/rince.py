"""A contrastive loss between InfoNCE and one that is symmetric in positives and negatives."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardneg.errors import RecipeError
from hardneg.losses.protocol import check_above_zero

if TYPE_CHECKING:  # a recipe names losses on machines without torch
    import torch

    from hardneg.losses.score_matrix import ScoreMatrix

# From here on exponentials go on as straight lines: no cosine comes here, and squares of gradients fit into float32.
_LARGEST = 40.0


@dataclass(frozen=True)
class RINCE:
    """Robust InfoNCE: `(-exp(q s+ / T) + (lambda (exp(s+ / T) + sum_j exp(s_j / T)))^q) / q`.

    At `q = 1` noise in the labels cancels out; as `q` goes to 0 the loss becomes InfoNCE plus a constant,
    `log(lambda)`. Scores are divided by T and then lowered by 1 / T, so that cosines give terms of at most 1: this
    scales the loss and its gradient by `exp(-q / T)` and changes nothing else. A query without negatives has loss
    and gradient zero. The loss of others may be negative.

    All scores together are neither lifted nor lowered where lambda is the positive's share of the softmax: one in the
    number of documents for an untrained model, nearly 1 for one that ranks well, a half where a negative scores like
    the positive. The paper trains from random weights, with 0.01 to 0.05; from a good model these values pull all
    texts together.

    Args:
        q: Robustness, above 0 and at most 1.
        lam: Weight of positive and negatives in the sum (lambda), above 0 and at most 1.
        temperature: Divides the scores, above 0. Published settings are 0.1 to 0.5: at 0.05 the terms of hard
            positives all but vanish.

    Raises:
        RecipeError: A value is out of range, or q and lam are both 1, where the positive's score cancels out.

    References:
        Chuang et al. (2022), arXiv:2201.04309, equation 4.
    """

    q: float = 0.5
    lam: float = 0.5
    temperature: float = 0.1

    def __post_init__(self) -> None:
        check_above_zero(self.temperature, loss="rince")
        for name in ("q", "lam"):
            if not 0 < getattr(self, name) <= 1:
                raise RecipeError(f"{name} of rince must be above 0 and at most 1, not {getattr(self, name)}")
        if self.q == self.lam == 1:
            raise RecipeError(
                "with q = 1 and lam = 1 rince ignores the positives; lower one of them, such as lam = 0.5"
            )

    def __call__(self, matrix: "ScoreMatrix") -> "torch.Tensor":
        """Compute the mean loss of the queries."""
        import torch

        from hardneg.losses.columns import log_total, negative_logits

        positive = matrix.positive / self.temperature
        whole = log_total(matrix, positive, negative_logits(matrix, self.temperature)) + math.log(self.lam)
        shift = 1 / self.temperature
        loss = (_expm1(self.q * (whole - shift)) - _expm1(self.q * (positive - shift))) / self.q
        return torch.where(matrix.is_negative.any(dim=1), loss, 0.0).mean()


def _expm1(x: "torch.Tensor") -> "torch.Tensor":
    """Compute exp(x) - 1: the ones cancel out, and a small q stays exact. Far above 0 it goes on as a line."""
    return x.clamp(max=_LARGEST).expm1() + math.exp(_LARGEST) * (x - _LARGEST).relu()
