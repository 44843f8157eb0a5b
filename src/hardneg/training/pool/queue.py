"""What a recipe says about the queue."""

from dataclasses import dataclass

from hardneg.errors import RecipeError


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
