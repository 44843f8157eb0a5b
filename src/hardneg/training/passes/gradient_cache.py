"""Texts of a batch through the towers: all at once, or chunk by chunk with the gradient of all at once."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.passes.gather import PullBack, Vectors


@dataclass(frozen=True, eq=False)
class PlainPass:
    """Keeps what every layer computed until the gradient comes back."""

    towers: torch.nn.Module
    accelerator: Accelerator
    sync: bool  # whether processes exchange gradients on the way back

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


@dataclass(frozen=True, eq=False)
class CachedPass:
    """Keeps no more than one chunk's way back through the model, whatever the size of the batch.

    The first pass embeds all chunks and keeps only the vectors. When the gradient with respect to them is known,
    each chunk passes a second time, with the random numbers of the first, and its part of the gradient goes back
    to the weights. This is exact: the loss depends on the weights through the vectors alone.

    References:
        GradCache: Gao, Zhang, Han and Callan (2021), arXiv:2101.06983, section 3.
    """

    towers: torch.nn.Module
    accelerator: Accelerator
    sync: bool  # if so, once, with the last chunk
    cache_tokens: int  # padded tokens of a chunk

    def __call__(self, queries: list[str], documents: list[str]) -> tuple[Vectors, PullBack]:
        """Embed texts."""
        towers: TwoTowers = self.accelerator.unwrap_model(self.towers)
        device = towers.model.device
        chunks = towers.cut(queries, documents, max_tokens=self.cache_tokens)
        states, parts = [], []
        for chunk in chunks:
            states.append(_random_state(device))
            with torch.no_grad():
                parts.append(torch.cat(self.towers(chunk.queries, chunk.documents)))
        rows = [torch.from_numpy(chunk.rows).to(device) for chunk in chunks]
        embeddings = torch.cat(parts)[torch.cat(rows).argsort()]

        def pull_back(gradient: Vectors) -> None:
            wanted = torch.cat(gradient)
            for at, chunk in enumerate(chunks):
                sync = self.sync and at == len(chunks) - 1
                with exchanging(self.towers, self.accelerator, sync=sync), _repeating(states[at], device):
                    vectors = torch.cat(self.towers(chunk.queries, chunk.documents))
                    self.accelerator.backward((vectors * wanted[rows[at]]).sum())

        return (embeddings[: len(queries)], embeddings[len(queries) :]), pull_back


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Read where the random numbers of the processor and of the device stand."""
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _repeating(state: tuple[Tensor, Tensor | None], device: torch.device) -> Iterator[None]:
    """Run a block with the random numbers from a state on; afterwards they go on as if it had not run."""
    with torch.random.fork_rng(devices=[] if state[1] is None else [device]):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield
