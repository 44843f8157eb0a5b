"""What a recipe says about the correction for sampled documents."""

from dataclasses import dataclass
from typing import Literal, get_args

from hardneg.errors import RecipeError

Estimate = Literal["counts", "streaming"]


@dataclass(frozen=True, kw_only=True)
class LogQ:
    """Correction for how documents are sampled into the pool: the logarithm of that chance is taken from their logits.

    The positives of a batch are drawn as often as they are taken, so a softmax over a batch pushes popular documents
    away for being popular. A document that comes into the pool of a step with chance q stands for 1 / q documents like
    it: with that weight, the sum over the pool expects to be the sum over all documents.

    References:
        Correction and streaming estimate: Yi et al. (2019), "Sampling-bias-corrected neural modeling for large corpus
        item recommendations", RecSys, equation 3 and algorithms 2 and 3. Positive uncorrected: Khrylchenko et al.
        (2025), arXiv:2507.09331; the gradient of their loss is that of a softmax over the positive and the corrected
        negatives.
    """

    estimate: Estimate = "counts"
    positive: Literal["corrected", "uncorrected"] = "corrected"
    rate: float = 0.05
    buckets: int = 2**18
    tables: int = 2

    def __post_init__(self) -> None:
        for name, given, known in (
            ("estimate", self.estimate, get_args(Estimate)),
            ("positive", self.positive, ("corrected", "uncorrected")),
        ):
            if given not in known:
                raise RecipeError(f"{name} of log_q must be one of {', '.join(known)}, not {given!r}")
        if not 0 < self.rate < 1:
            raise RecipeError(f"rate of log_q must be above 0 and below 1, not {self.rate}")
        for name in ("buckets", "tables"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} of log_q must be at least 1, not {getattr(self, name)}")
