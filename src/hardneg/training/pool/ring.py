"""A fixed number of documents with their vectors, first in, first out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int32
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Queued:
    """The documents in a ring, in no particular order."""

    document: Int32[np.ndarray, " queued"]
    group: Int32[np.ndarray, " queued"]
    newest: Bool[np.ndarray, " queued"]
    vectors: Float[Tensor, "queued dim"]


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
        state = {"document": self._document, "group": self._group, "newest": self._newest}
        vectors = None if self._vectors is None else self._vectors.clone()
        return {name: torch.from_numpy(array.copy()) for name, array in state.items()} | {
            "vectors": vectors,
            "n_added": self._n_added,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        self._document, self._group, self._newest = (state[name].numpy() for name in ("document", "group", "newest"))
        self._vectors = None if state["vectors"] is None else state["vectors"].to(self.device, self.dtype)
        self._n_added = state["n_added"]
