"""One batch over several processes: each embeds its share of the texts, and all get all vectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, Int64
from torch import Tensor

Vectors = tuple[Float[Tensor, "queries dim"], Float[Tensor, "documents dim"]]
# Takes the gradient of a loss with respect to vectors, and adds what it means for the weights to their gradient.
PullBack = Callable[[Vectors], None]


class Pass(Protocol):
    """Brings texts through the towers."""

    def __call__(self, queries: list[str], documents: list[str]) -> tuple[Vectors, PullBack]:
        """Embed texts.

        Args:
            queries: At least one query.
            documents: At least one document.

        Returns:
            Their vectors, without a graph, and the way back to the weights, to be gone once.
        """


@dataclass(frozen=True, eq=False)
class Deal:
    """Which texts each process embeds; all have equally many, of about the same lengths."""

    # The last may repeat the first, so that the deal comes out even; repeats are dropped.
    order: Int64[np.ndarray, " dealt"]
    n_texts: int
    process: int
    n_processes: int

    @property
    def own(self) -> Int64[np.ndarray, " own"]:
        """Numbers of the texts that this process embeds."""
        return self.order[self.process :: self.n_processes]

    def gather(self, own: Float[Tensor, "own dim"], accelerator: Accelerator) -> Float[Tensor, "texts dim"]:
        """Collect the vectors of all processes, in the order of the texts."""
        by_process: Tensor = accelerator.gather(own)
        dealt = by_process.view(self.n_processes, *own.shape).transpose(0, 1).flatten(0, 1)
        back = np.argsort(self.order[: self.n_texts])
        return dealt[torch.from_numpy(back).to(own.device)]

    def share(self, gradient: Float[Tensor, "texts dim"]) -> Float[Tensor, "own dim"]:
        """Take this process's rows of a gradient; zero for repeats."""
        dealt = gradient[torch.from_numpy(self.order).to(gradient.device)]
        dealt[self.n_texts :] = 0
        return dealt[self.process :: self.n_processes]


def deal(texts: Sequence[str], *, process: int, n_processes: int) -> Deal:
    """Deal texts to processes by their length, so that none waits long for another."""
    by_length = np.argsort([len(text) for text in texts], kind="stable")
    per_process = -(-len(texts) // n_processes)
    return Deal(np.resize(by_length, per_process * n_processes), len(texts), process, n_processes)


def gather_vectors(
    queries: list[str], documents: list[str], embed: Pass, accelerator: Accelerator
) -> tuple[Vectors, PullBack]:
    """Embed a batch together with the other processes.

    The loss is then computed in full by every process, on the same vectors. Each brings the gradient of its own
    share of them back to its weights, times the number of processes: the mean over processes, which data parallel
    training takes, becomes the sum over shares.
    """
    n_processes = accelerator.num_processes
    deals = [deal(texts, process=accelerator.process_index, n_processes=n_processes) for texts in (queries, documents)]
    shares = [[texts[at] for at in dealt.own] for texts, dealt in zip((queries, documents), deals, strict=True)]
    parts, pull_back = embed(shares[0], shares[1])

    def pull_back_share(gradient: Vectors) -> None:
        pull_back((deals[0].share(gradient[0]) * n_processes, deals[1].share(gradient[1]) * n_processes))

    vectors = [dealt.gather(part, accelerator).requires_grad_() for dealt, part in zip(deals, parts, strict=True)]
    return (vectors[0], vectors[1]), pull_back_share
