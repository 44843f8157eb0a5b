"""How often a document comes into the pool of a step: counted beforehand, or watched as the steps go by."""

from typing import Any, Protocol

import numpy as np
from jaxtyping import Float64, Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.randomness import bits
from hardneg.training.sampling.batches import MinedNegatives

_HASH = 21  # sets the hash tables' draws apart from others of the same seed


class Frequency(Protocol):
    """Knows the chance with which documents come into the pool of a step."""

    def chance(self, group: Int32[np.ndarray, " pool"]) -> Float64[np.ndarray, " pool"]:
        """Give the chance of each document of a pool, known by its text group: above 0, at most 1.

        Each pool of the run is asked about once, in the order of the steps.
        """


class Counted:
    """Chances from the counts of pairs and of mined negatives.

    A row brings in its positive, and each negative of its query with the share of turns that it has. If r is the mean
    of that over all rows, `batch_size` rows bring a document in with chance `1 - (1 - r)^batch_size`. So with
    negatives that were drawn uniformly, r is the mixture of both distributions (mixed negative sampling).

    References:
        Mixed negative sampling: Yang et al. (2020), "Mixed negative sampling for learning two-tower neural networks in
        recommendations", WWW Companion.
    """

    def __init__(
        self,
        dataset: Dataset,
        query: Int32[np.ndarray, " pairs"],
        document: Int32[np.ndarray, " pairs"],
        *,
        negatives: MinedNegatives | None,
        per_row: int | None,
        batch_size: int,
    ) -> None:
        n_groups = int(dataset.text_group.max()) + 1
        brought = np.bincount(dataset.text_group[document], minlength=n_groups).astype(np.float64)
        if negatives is not None:
            asked, rows = np.unique(query, return_counts=True)
            n_own = negatives.count(asked.astype(np.int32))
            share = rows * (1.0 if per_row is None else np.minimum(1.0, per_row / np.maximum(n_own, 1)))
            drawn = np.concatenate([negatives.of(int(each)) for each in asked])
            brought += np.bincount(dataset.text_group[drawn], weights=np.repeat(share, n_own), minlength=n_groups)
        rate = np.minimum(brought / len(query), 1.0)
        self._chance = 1.0 - (1.0 - rate) ** batch_size

    def chance(self, group: Int32[np.ndarray, " pool"]) -> Float64[np.ndarray, " pool"]:
        """Give the chance of each document of a pool."""
        return self._chance[group]


class Streaming:
    """Chances from the gaps between the steps in which a document is seen.

    For each document, array A keeps the step in which it was seen last and array B a moving average of the steps
    between two sights, under hashed positions in several tables. Two documents with one position look more frequent
    than they are, so of the tables the largest B is right, and the chance is its inverse. The first gap of a position
    is taken as it is, where the paper's zeros would call every new document frequent.

    References:
        Yi et al. (2019), algorithms 2 and 3.
    """

    def __init__(self, *, rate: float, buckets: int, tables: int, seed: int = 0) -> None:
        self._rate, self._buckets, self._tables, self._seed = rate, buckets, tables, seed
        self._last = np.zeros((tables, buckets), dtype=np.int64)
        self._gap = np.zeros((tables, buckets), dtype=np.float64)
        self._step = 0

    def chance(self, group: Int32[np.ndarray, " pool"]) -> Float64[np.ndarray, " pool"]:
        """See the documents of a step and give the chance of each."""
        self._step += 1
        largest = np.zeros(len(group))
        for table in range(self._tables):
            at = self._position(table, group)
            here = np.unique(at)  # two documents of one position are one sight
            gap = self._step - self._last[table, here]
            old = self._gap[table, here]
            self._gap[table, here] = np.where(old == 0, gap, (1 - self._rate) * old + self._rate * gap)
            self._last[table, here] = self._step
            largest = np.maximum(largest, self._gap[table, at])
        return 1.0 / np.maximum(largest, 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Copy all that must be kept to go on later."""
        import torch

        return {
            "last": torch.from_numpy(self._last.copy()),
            "gap": torch.from_numpy(self._gap.copy()),
            "step": self._step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        import torch

        self._last, self._gap = (torch.as_tensor(state[name]).numpy().copy() for name in ("last", "gap"))
        self._step = state["step"]

    def _position(self, table: int, group: Int32[np.ndarray, " pool"]) -> Int64[np.ndarray, " pool"]:
        return (bits(self._seed, _HASH, table, group) % np.uint64(self._buckets)).astype(np.int64)
