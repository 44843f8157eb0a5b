"""All texts of a batch through the towers at once."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from hardneg.training.gather import PullBack, Vectors


@dataclass(frozen=True, eq=False)
class PlainPass:
    """Keeps what every layer computed until the gradient comes back.

    Args:
        towers: Turns queries and documents into vectors.
        accelerator: Brings gradients back.
        sync: Whether the processes exchange gradients on the way back.
    """

    towers: torch.nn.Module
    accelerator: Accelerator
    sync: bool

    def __call__(self, queries: list[str], documents: list[str]) -> tuple[Vectors, PullBack]:
        """Embed texts."""
        with self._exchange():
            vectors: Vectors = self.towers(queries, documents)

        def pull_back(gradient: Vectors) -> None:
            with self._exchange():
                self.accelerator.backward(inner(vectors, gradient))

        return (vectors[0].detach(), vectors[1].detach()), pull_back

    def _exchange(self) -> "nullcontext[None]":
        return nullcontext() if self.sync else self.accelerator.no_sync(self.towers)


def inner(vectors: Vectors, gradient: Vectors) -> torch.Tensor:
    """Multiply vectors with constants; the gradient of the product with respect to the vectors is these constants."""
    return (vectors[0] * gradient[0]).sum() + (vectors[1] * gradient[1]).sum()
