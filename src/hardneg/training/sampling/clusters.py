"""Batches of pairs that are near each other, so that the other rows of a batch are hard negatives at no cost."""

import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_matrix

from hardneg.components import settle
from hardneg.errors import MissingExtraError, RecipeError
from hardneg.negatives.plan import SOURCE
from hardneg.place import Place
from hardneg.randomness import bits, permutation
from hardneg.sources import Source

_SEEDS, _SLOTS, _METIS = 18, 19, 20


@dataclass(frozen=True, kw_only=True)
class Clusters(ABC):
    """Which pairs share a batch: those that are linked by what a query takes for near.

    A pair is linked with those whose document its query ranks best among the positives of all pairs. What a label
    calls an answer is never linked, nor, with a `ratio`, what scores like one; where such a document meets the query
    in a batch all the same, it is no negative there. Batches are as full as without clusters.

    Args:
        source: Who ranks, a source as in mining: "bm25", or a dense one with the model of a teacher. None: the model
            that is trained, with its weights of the time, anew at each refresh.
        neighbours: Links of each pair, at least 1.
        skip: Best documents passed over before that, from 0: the rank window of B3.
        ratio: A document is near an answer if it scores this share of the query's weakest positive, above 0 and at
            most 1, as in `positive_margin`; None takes nothing for near, which gained more where it was measured.
        size: Pairs of a cluster, at least 2; a batch is made of as many clusters as it has room for. None: of one.

    Raises:
        RecipeError: A value is out of range.

    References:
        B3, Thirukovalluru et al. (2025), arXiv:2505.11293: a teacher's ranks, a rank window, METIS, clusters of 32 in
        batches of 1,024.
    """

    source: Source | None = None
    neighbours: int = 32
    skip: int = 0
    ratio: float | None = None
    size: int | None = None

    extra: ClassVar[str | None] = None  # package that it needs, called like the extra that brings it

    def __post_init__(self) -> None:
        settle(self, Place(Path("clusters")), rooms={"source": SOURCE})
        for name, least in (("neighbours", 1), ("skip", 0), ("size", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise RecipeError(f"clusters: {name} must be at least {least}, not {value}")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise RecipeError(f"clusters: ratio is {self.ratio}; set it above 0 and at most 1, say 0.95")

    def order(
        self, links: csr_matrix, sizes: Int64[np.ndarray, " batches"], *, seed: int, epoch: int
    ) -> Int64[np.ndarray, " pairs"]:
        """Order pairs such that, cut into batches of these sizes, linked ones are together.

        Args:
            links: How strongly each pair is linked with each other one; symmetric.
            sizes: Pairs of each batch; they add up to all pairs.
            seed: Decides, with the epoch, where clusters begin and which of them share a batch.
            epoch: From 0.

        Returns:
            The pairs of the first batch, then those of the second, and so on.
        """
        slots = sizes if self.size is None else _cut(sizes, self.size)
        turns = permutation(seed, _SLOTS, epoch, size=len(slots))
        return self._fill(links, slots, turns, seed=seed, epoch=epoch)

    @abstractmethod
    def _fill(
        self,
        links: csr_matrix,
        slots: Int64[np.ndarray, " clusters"],
        turns: Int64[np.ndarray, " clusters"],
        *,
        seed: int,
        epoch: int,
    ) -> Int64[np.ndarray, " pairs"]:
        """Fill slots of these sizes with pairs, in the turns given; give the pairs in the order of the slots."""


@dataclass(frozen=True, kw_only=True)
class Greedy(Clusters):
    """Grow one cluster after the other: from a pair by chance, always by the pair that is linked with it most.

    Where nothing that is linked is left, the next pair by chance goes on. Needs a few numbers a link, and a second or
    two for a million pairs.
    """

    def _fill(
        self,
        links: csr_matrix,
        slots: Int64[np.ndarray, " clusters"],
        turns: Int64[np.ndarray, " clusters"],
        *,
        seed: int,
        epoch: int,
    ) -> Int64[np.ndarray, " pairs"]:
        from hardneg.training.sampling.growing import grow

        first = permutation(seed, _SEEDS, epoch, size=links.shape[0])
        return grow(links.indptr.astype(np.int64), links.indices, links.data, first, slots, turns)


@dataclass(frozen=True, kw_only=True)
class Metis(Clusters):
    """Cut the graph of links such that as few as possible are cut (METIS); needs the package pymetis.

    METIS makes parts of almost one size. What a part has too many goes where others have too few.

    References:
        Karypis and Kumar (1998), "A fast and high quality multilevel scheme for partitioning irregular graphs".
    """

    extra: ClassVar[str | None] = "pymetis"

    def _fill(
        self,
        links: csr_matrix,
        slots: Int64[np.ndarray, " clusters"],
        turns: Int64[np.ndarray, " clusters"],
        *,
        seed: int,
        epoch: int,
    ) -> Int64[np.ndarray, " pairs"]:
        part_of = np.zeros(links.shape[0], dtype=np.int64)
        if len(slots) > 1:
            import pymetis

            options = pymetis.Options(seed=int(bits(seed, _METIS, epoch)[()] % np.uint64(2**31)))
            graph = pymetis.CSRAdjacency(links.indptr, links.indices)
            part_of[:] = pymetis.part_graph(
                len(slots), adjacency=graph, eweights=links.data.astype(np.int32), options=options
            ).vertex_part
        return _settled(part_of, slots, turns)


def check_partition(clusters: Clusters) -> None:
    """Make sure that the package that partitions is installed."""
    if clusters.extra is not None and importlib.util.find_spec(clusters.extra) is None:
        raise MissingExtraError(clusters.extra, extra="metis", purpose="clusters by METIS")


def _cut(sizes: Int64[np.ndarray, " batches"], size: int) -> Int64[np.ndarray, " clusters"]:
    """Cut each batch into as few clusters as their size allows, equal but for one pair.

    >>> _cut(np.array([32, 31]), 16).tolist()
    [16, 16, 16, 15]
    """
    parts = [-(-int(whole) // size) for whole in sizes]
    return np.concatenate([whole // n + (np.arange(n) < whole % n) for whole, n in zip(sizes, parts, strict=True)])


def _settled(
    part_of: Int64[np.ndarray, " pairs"], slots: Int64[np.ndarray, " clusters"], turns: Int64[np.ndarray, " clusters"]
) -> Int64[np.ndarray, " pairs"]:
    """Give each part the slot whose turn it is; what has no room there goes where room is left, in order."""
    slot_of = turns[part_of]
    by_slot = np.argsort(slot_of, kind="stable")
    ordered = slot_of[by_slot]
    number = np.arange(len(ordered)) - np.searchsorted(ordered, ordered)
    fits = number < slots[ordered]
    room = slots - np.bincount(ordered[fits], minlength=len(slots))
    ordered[~fits] = np.repeat(np.arange(len(slots)), room)
    return by_slot[np.argsort(ordered, kind="stable")]


CLUSTERS = {"greedy": Greedy, "metis": Metis}

__all__ = ["CLUSTERS", "Clusters", "Greedy", "Metis", "check_partition"]
