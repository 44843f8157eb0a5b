"""The queue of a run: what is in it, and who embeds for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.pool.key_encoder import KeyEncoder
from hardneg.training.pool.pool import Batch, Pool, find_answers, spread_weights
from hardneg.training.pool.queue import Queue
from hardneg.training.pool.ring import Queued, Ring


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
        keys = None if self._encoder is None else self._encoder.state_dict()
        return {"ring": self.ring.state_dict(), "keys": keys, "n_steps": self.n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        self.ring.load_state_dict(state["ring"])
        if self._encoder is not None:
            self._encoder.load_state_dict(state["keys"])
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
