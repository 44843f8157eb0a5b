"""Search of documents in shards, of which a worker holds one: what each finds lies in files, and is merged exactly.

levels/BLOCK-SHARD.npy   scores that documents of a shard surely reach, for the queries of a block
found/BLOCK-SHARD.npz    the best of a shard that reach the level of all shards
best/BLOCK.npz           the best of all; what is above goes when this is there
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from hardneg.engines import current_engine
from hardneg.files import replacing
from hardneg.progress import task


class Hits(NamedTuple):
    """What a shard has for some queries, one after the other; positions are those among all documents."""

    document: Int32[np.ndarray, " pairs"]
    score: Float64[np.ndarray, " pairs"]
    n_found: Int64[np.ndarray, " queries"]


class Shard(Protocol):
    """Documents that follow each other, as one worker holds them."""

    def best(self, rows: slice, depth: int, floor: Float64[np.ndarray, " queries"]) -> Hits:
        """Find its best documents; those that do not reach the floor need not be among them."""


@runtime_checkable
class GivesLevels(Shard, Protocol):
    """A shard that can say without a search what scores its documents surely reach."""

    def levels(self, rows: slice, depth: int) -> Float64[np.ndarray, "queries levels"]:
        """Give scores that as many documents of its own surely reach, for each query."""


class Search(Protocol):
    """A search for the queries of a file, that can be sent to another process."""

    @property
    def n_shards(self) -> int:
        """How many shards there are."""

    @property
    def samples(self) -> bool:
        """Whether its shards can give levels; each query then has as many documents as there are."""

    @property
    def n_documents(self) -> int:
        """How many documents there are."""

    def __hash__(self) -> int:
        """The shard that a worker has in memory is known by its search and number."""

    def open(self, shard: int) -> Shard:
        """Take a shard into memory."""


class QueryBlock(NamedTuple):
    """Queries that are searched for together, by their rows, and how deep."""

    rows: slice
    depth: int


@dataclass(frozen=True, eq=False)
class ShardSearch:
    """Every block of queries in every shard: of one number, one block in one shard."""

    search: Search
    blocks: Sequence[QueryBlock]
    folder: Path
    levels: bool  # whether to look for levels, or for documents

    @property
    def numbers(self) -> list[int]:
        """List what is left to do, shard by shard."""
        numbers = range(self.search.n_shards * len(self.blocks))
        return [number for number in numbers if not self._path(number).exists() and not self._is_merged(number)]

    def place(self, number: int) -> int:
        """Name the shard, which is best searched by one worker."""
        return number // len(self.blocks)

    def do(self, number: int) -> None:
        """Search for a block in a shard."""
        at = number % len(self.blocks)
        (rows, depth), shard = self.blocks[at], _opened(self.search, self.place(number))
        if self.levels and isinstance(shard, GivesLevels):
            levels = shard.levels(rows, depth)
            with replacing(self._path(number), sums=False) as temporary, temporary.open("wb") as file:
                np.save(file, levels.astype(np.float32))
            return
        hits = shard.best(rows, depth, floor_of(self.search, self.folder, at, self.blocks[at]))
        with replacing(self._path(number), sums=False) as temporary, temporary.open("wb") as file:
            np.savez(file, **hits._asdict())

    def _path(self, number: int) -> Path:
        at, shard = number % len(self.blocks), self.place(number)
        return _levels(self.folder, at, shard) if self.levels else _found(self.folder, at, shard)

    def _is_merged(self, number: int) -> bool:
        return best_path(self.folder, number % len(self.blocks)).exists()


@dataclass(frozen=True, eq=False)
class Merge:
    """What all shards found for a block of queries, put together."""

    search: Search
    blocks: Sequence[QueryBlock]
    folder: Path

    @property
    def numbers(self) -> list[int]:
        """List what is left to do."""
        return [number for number in range(len(self.blocks)) if not best_path(self.folder, number).exists()]

    def do(self, number: int) -> None:
        """Merge a block, after searching anew for queries whose level was set too high."""
        block, n_shards = self.blocks[number], self.search.n_shards
        floor = floor_of(self.search, self.folder, number, block)
        parts = [read_hits(_found(self.folder, number, shard)) for shard in range(n_shards)]
        document, score = merged(parts, block.depth)
        wanted = min(block.depth, self.search.n_documents)
        for row in np.flatnonzero((score >= floor[:, None]).sum(axis=1) < wanted).tolist():
            alone = slice(block.rows.start + row, block.rows.start + row + 1)
            shards = (_opened(self.search, shard) for shard in range(n_shards))
            everything = [shard.best(alone, block.depth, np.full(1, -np.inf)) for shard in shards]
            document[row], score[row] = (each[0] for each in merged(everything, block.depth))
        score[document < 0] = 0
        with replacing(best_path(self.folder, number), sums=False) as temporary, temporary.open("wb") as file:
            np.savez(file, document=document, score=score.astype(np.float32))
        for shard in range(n_shards):
            _levels(self.folder, number, shard).unlink(missing_ok=True)
            _found(self.folder, number, shard).unlink(missing_ok=True)


def search_in_shards(search: Search, blocks: Sequence[QueryBlock], folder: Path) -> None:
    """Search for blocks of queries, by the engine of the time; what is found lies in the folder in the end."""
    steps: dict[str, ShardSearch | Merge] = {}
    if search.samples:
        steps["looking at samples"] = ShardSearch(search, blocks, folder, levels=True)
    steps["searching shards"] = ShardSearch(search, blocks, folder, levels=False)
    steps["merging shards"] = Merge(search, blocks, folder)
    for title, work in steps.items():
        numbers = work.numbers
        with task(title, total=len(numbers), unit="blocks") as advance:
            for _ in current_engine().each(work, numbers):
                advance(1)


def merged(
    parts: Sequence[Hits], depth: int
) -> tuple[Int32[np.ndarray, "queries depth"], Float64[np.ndarray, "queries depth"]]:
    """Put the best of several shards in order, equal ones by position; -1 and minus infinity stand where none is left.

    >>> here = Hits(np.array([0, 2], np.int32), np.array([3.0, 1.0]), np.array([2]))
    >>> there = Hits(np.array([5, 7], np.int32), np.array([2.0, 1.0]), np.array([2]))
    >>> merged([there, here], 3)[0].tolist()
    [[0, 5, 2]]
    """
    n_queries = len(parts[0].n_found)
    query = np.concatenate([np.repeat(np.arange(n_queries), part.n_found) for part in parts])
    document, score = (np.concatenate([getattr(part, name) for part in parts]) for name in ("document", "score"))
    order = np.lexsort((document, -score, query))
    query, document, score = query[order], document[order], score[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < depth
    best = np.full((n_queries, depth), -1, np.int32), np.full((n_queries, depth), -np.inf)
    best[0][query[kept], place[kept]] = document[kept]
    best[1][query[kept], place[kept]] = score[kept]
    return best


def floor_of(search: Search, folder: Path, block: int, asked: QueryBlock) -> Float64[np.ndarray, " queries"]:
    """Set a level for each query that as many documents as wanted are likely to reach, by the samples of all shards."""
    if not search.samples:
        return np.full(asked.rows.stop - asked.rows.start, -np.inf)
    levels = [np.load(_levels(folder, block, shard)).astype(np.float64) for shard in range(search.n_shards)]
    rank = levels[0].shape[1]
    return np.partition(np.concatenate(levels, axis=1), -rank, axis=1)[:, -rank]


def read_hits(path: Path) -> Hits:
    """Read what a shard found."""
    with np.load(path) as arrays:
        return Hits(*(arrays[name] for name in Hits._fields))


def read_best(
    folder: Path, block: int
) -> tuple[Int32[np.ndarray, "queries depth"], Float32[np.ndarray, "queries depth"]]:
    """Read the best documents of a block of queries, and their scores."""
    with np.load(best_path(folder, block)) as arrays:
        return arrays["document"], arrays["score"]


def best_path(folder: Path, block: int) -> Path:
    """Name the file of a block that is done."""
    return folder / "best" / f"{block:06d}.npz"


def edges(n: int, parts: int) -> list[int]:
    """Cut so many documents into parts that differ by one at most."""
    return [n * part // parts for part in range(parts + 1)]


@lru_cache(maxsize=1)
def _opened(search: Search, shard: int) -> Shard:
    return search.open(shard)


def _levels(folder: Path, block: int, shard: int) -> Path:
    return folder / "levels" / f"{block:06d}-{shard:04d}.npy"


def _found(folder: Path, block: int, shard: int) -> Path:
    return folder / "found" / f"{block:06d}-{shard:04d}.npz"
