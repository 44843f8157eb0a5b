"""All texts of a batch through the towers at once."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from hardneg.training.passes.gather import PullBack, Vectors


@dataclass(frozen=True, eq=False)
class PlainPass:
    """Keeps what every layer computed until the gradient comes back."""

    towers: torch.nn.Module
    accelerator: Accelerator
    sync: bool

    def __call__(self, queries: list[str], documents: list[str]) -> tuple[Vectors, PullBack]:
        """Embed texts."""
        with exchanging(self.towers, self.accelerator, sync=self.sync):
            vectors: Vectors = self.towers(queries, documents)

        def pull_back(gradient: Vectors) -> None:
            with exchanging(self.towers, self.accelerator, sync=self.sync):
                self.accelerator.backward((torch.cat(vectors) * torch.cat(gradient)).sum())

        return (vectors[0].detach(), vectors[1].detach()), pull_back


def exchanging(towers: torch.nn.Module, accelerator: Accelerator, *, sync: bool) -> AbstractContextManager[None]:
    """Let processes exchange gradients in a block, or keep theirs to themselves until a later block."""
    return nullcontext() if sync else accelerator.no_sync(towers)
