"""The queue of a run: the latest documents with their vectors, and who embeds for it."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Bool, Float, Int32
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.passes.gather import deal
from hardneg.training.pool.pool import Batch, Pool, find_answers, spread_weights
from hardneg.training.pool.settings import Queue


class KeyEncoder:
    """Embeds documents with `theta_k = m theta_k + (1 - m) theta`, without dropout and without a gradient.

    References:
        MoCo: He et al. (2020), arXiv:1911.05722, equation 2.
    """

    def __init__(self, towers: TwoTowers, *, momentum: float) -> None:
        self.towers = copy.deepcopy(towers).eval().requires_grad_(False)
        self.momentum = momentum

    @torch.no_grad()
    def follow(self, towers: torch.nn.Module) -> None:
        """Move the weights towards those of the trained towers."""
        for weight, trained in zip(self.towers.parameters(), towers.parameters(), strict=True):
            weight.lerp_(trained, 1 - self.momentum)

    @torch.no_grad()
    def embed(self, documents: list[str], accelerator: Accelerator) -> Float[Tensor, "documents dim"]:
        """Embed documents together with the other processes."""
        dealt = deal(documents, process=accelerator.process_index, n_processes=accelerator.num_processes)
        _, vectors = self.towers([], [documents[at] for at in dealt.own])
        return dealt.gather(vectors, accelerator)


@dataclass(frozen=True, eq=False)
class Queued:
    """The documents in a ring, in no particular order."""

    document: Int32[np.ndarray, " queued"]
    group: Int32[np.ndarray, " queued"]
    newest: Bool[np.ndarray, " queued"]  # no later document has the same text
    vectors: Float[Tensor, "queued dim"]  # valid until the ring takes up more


class Ring:
    """The latest documents and their vectors.

    Nothing is moved or sorted when documents come in: each takes the slot of the oldest, and only which of equal
    texts is the newest is kept up to date.
    """

    def __init__(self, size: int, *, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.size = size
        self.device = device
        self.dtype = dtype
        self.clear()

    def clear(self) -> None:
        """Forget all documents."""
        self._document = np.zeros(self.size, dtype=np.int32)
        self._group = np.full(self.size, -1, dtype=np.int32)
        self._newest = np.zeros(self.size, dtype=bool)
        self._vectors: Tensor | None = None
        self._n_added = 0

    def __len__(self) -> int:
        return min(self._n_added, self.size)

    def add(
        self, document: Int32[np.ndarray, " new"], group: Int32[np.ndarray, " new"], vectors: Float[Tensor, "new dim"]
    ) -> None:
        """Take up documents in place of the oldest."""
        document, group, vectors = document[-self.size :], group[-self.size :], vectors[-self.size :].detach()
        if self._vectors is None:
            self._vectors = torch.zeros(self.size, vectors.shape[1], device=self.device, dtype=self.dtype)
        slots = (self._n_added + np.arange(len(document))) % self.size
        self._newest[np.isin(self._group, group, kind="table")] = False
        self._document[slots], self._group[slots], self._newest[slots] = document, group, True
        self._vectors[torch.from_numpy(slots).to(self.device)] = vectors.to(self.dtype)
        self._n_added += len(document)

    def queued(self) -> Queued | None:
        """Give what is in the ring, or None if nothing is."""
        if self._vectors is None:
            return None
        n = len(self)
        return Queued(self._document[:n], self._group[:n], self._newest[:n], self._vectors[:n])

    def state_dict(self) -> dict[str, Any]:
        """Copy all that must be kept to go on later."""
        arrays = {"document": self._document, "group": self._group, "newest": self._newest}
        state: dict[str, Any] = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        state["vectors"] = None if self._vectors is None else self._vectors.clone()
        return state | {"n_added": self._n_added}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        self._document, self._group, self._newest = (state[name].numpy() for name in ("document", "group", "newest"))
        self._vectors = None if state["vectors"] is None else state["vectors"].to(self.device, self.dtype)
        self._n_added = state["n_added"]


class QueueState:
    """Documents of earlier steps and their vectors; the same on all processes."""

    def __init__(self, settings: Queue, towers: TwoTowers) -> None:
        self.warmup = settings.warmup
        dtype = torch.bfloat16 if towers.bf16 else torch.float32
        self.ring = Ring(settings.size, device=towers.model.device, dtype=dtype)
        self._encoder = None if settings.momentum is None else KeyEncoder(towers, momentum=settings.momentum)
        self.n_steps = 0

    def begin_step(self, towers: torch.nn.Module) -> None:
        """Let the key encoder, if there is one, follow the towers."""
        self.n_steps += 1
        if self._encoder is not None:
            self._encoder.follow(towers)

    def queued(self) -> Queued | None:
        """Give the documents that serve as negatives in this step; None if there are none yet."""
        return self.ring.queued() if self.n_steps > self.warmup else None

    def keys(
        self, pool: Pool, vectors: Float[Tensor, "pool dim"], *, dataset: Dataset, accelerator: Accelerator
    ) -> Float[Tensor, "pool dim"]:
        """Give the vectors with which a pool's documents stand beside those of the queue."""
        if self._encoder is None:
            return vectors.detach()
        texts = dataset.document_texts.gather(pool.document).fill_null("").to_list()
        return self._encoder.embed(texts, accelerator)

    def take_up(self, pool: Pool, keys: Float[Tensor, "pool dim"], *, dataset: Dataset) -> None:
        """Put the documents of a pool into the queue, after their step has had its loss."""
        self.ring.add(pool.document, dataset.text_group[pool.document], keys)

    def clear(self) -> None:
        """Forget all documents; a key encoder keeps its weights."""
        self.ring.clear()

    def state_dict(self) -> dict[str, Any]:
        """Copy all that must be kept to go on later."""
        keys = None if self._encoder is None else self._encoder.towers.state_dict()
        return {"ring": self.ring.state_dict(), "keys": keys, "n_steps": self.n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        self.ring.load_state_dict(state["ring"])
        if self._encoder is not None:
            self._encoder.towers.load_state_dict(state["keys"])
        self.n_steps = state["n_steps"]


def widen(pool: Pool, queued: Queued, *, dataset: Dataset, batch: Batch) -> Pool:
    """Put the documents of the queue behind the columns of a pool.

    They may be negatives of all rows, of whatever rows they came in for, under the same labels and weights as the
    columns of the pool. A text counts once: where it is in the pool, the queue's copies are not allowed, and of
    copies in the queue only the newest is.
    """
    once = queued.newest & ~np.isin(queued.group, dataset.text_group[pool.document], kind="table")
    allowed = ~find_answers(dataset, batch.query, queued.group) & once
    weight = pool.weight
    if weight is not None and batch.weights is not None:
        of_queue = spread_weights(dataset, batch.weights, len(batch), queued.group)
        allowed &= of_queue > 0
        weight = np.hstack([weight, of_queue])
    return replace(
        pool,
        document=np.concatenate([pool.document, queued.document]),
        allowed=np.hstack([pool.allowed, allowed]),
        weight=weight,
    )
