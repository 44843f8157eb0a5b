"""What a recipe says about the pool: its queue, and the correction for sampled documents."""

from dataclasses import dataclass
from typing import Literal, get_args

from hardneg.errors import RecipeError

Estimate = Literal["counts", "streaming"]


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Documents of earlier steps that serve as negatives a while longer, without being embedded again.

    Args:
        size: Documents that the queue holds, at least 1; the oldest makes room for the newest.
        momentum: None keeps the vectors that the trained model gave; at least 0 and below 1 keeps those of a key
            encoder, whose weights are this share of what they were and the rest of the trained model's.
        warmup: Steps before the queue is used, from 0; it is filled from the first.

    Raises:
        RecipeError: A value is out of range.

    References:
        Cross-batch memory: Wang et al. (2020), arXiv:1912.06798. Key encoder: MoCo, He et al. (2020),
        arXiv:1911.05722, equation 2; for text Contriever, Izacard et al. (2022), arXiv:2112.09118.
    """

    size: int
    momentum: float | None = None
    warmup: int = 0

    def __post_init__(self) -> None:
        for name, least in (("size", 1), ("warmup", 0)):
            if getattr(self, name) < least:
                raise RecipeError(f"{name} of queue must be at least {least}, not {getattr(self, name)}")
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise RecipeError(f"momentum of queue must be at least 0 and below 1, not {self.momentum}")


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
    # "uncorrected" leaves it: it is in the pool of its row by choice.
    positive: Literal["corrected", "uncorrected"] = "corrected"
    rate: float = 0.05  # how much the newest gap counts, of the streaming estimate
    buckets: int = 2**18  # numbers in each hash table
    tables: int = 2  # where documents share a number in some, the one in which a document seems rarest is right

    def __post_init__(self) -> None:
        for name, given, choices in (
            ("estimate", self.estimate, get_args(Estimate)),
            ("positive", self.positive, ("corrected", "uncorrected")),
        ):
            if given not in choices:
                raise RecipeError(f"{name} of log_q must be one of {', '.join(choices)}, not {given!r}")
        if not 0 < self.rate < 1:
            raise RecipeError(f"rate of log_q must be above 0 and below 1, not {self.rate}")
        for name in ("buckets", "tables"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} of log_q must be at least 1, not {getattr(self, name)}")
