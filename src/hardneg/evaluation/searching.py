"""The search of an evaluation, block by block, by whichever engine is at work."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.engines import current_engine, is_here
from hardneg.evaluation.excluding import retrieve_without
from hardneg.files import cache_folder, replacing
from hardneg.runs.parts import part_path
from hardneg.sources import Source
from hardneg.sources.protocol import MatchesWords, Shardable, TextVectors
from hardneg.sources.searched import searched

_QUERIES = 1_024  # of a block that is handed to a worker


@dataclass(frozen=True, eq=False)
class SearchBlocks:
    """Queries that are searched for, in blocks."""

    dataset: Dataset
    retriever: Source
    blocks: list[Int32[np.ndarray, " queries"]]
    depth: int
    excluded: PairSet | None
    folder: Path = Path()

    def search(self, number: int) -> pl.DataFrame:
        """Search for a block."""
        rows = retrieve_without(self.excluded, self.retriever, self.dataset, self.blocks[number], self.depth)
        return rows.select("query", "document", "rank", "score")

    def do(self, number: int) -> None:
        """Search for a block, and write down what it gave."""
        with replacing(part_path(self.folder, number), sums=False) as temporary:
            self.search(number).write_parquet(temporary)


def rankings_of(
    work: SearchBlocks, queries: Int32[np.ndarray, " queries"], *, block_size: int, advance: Callable[[int], None]
) -> pl.DataFrame:
    """Rank documents for all queries; what workers find does not depend on the blocks."""
    is_known = isinstance(work.retriever, TextVectors | MatchesWords)  # what they need can be prepared for all
    if not is_here() and is_known and len(queries) > min(block_size, _QUERIES):
        return _elsewhere(replace(work, blocks=_cut(queries, min(block_size, _QUERIES))), queries, advance)
    work = replace(work, blocks=_cut(queries, block_size))
    return pl.concat(_here(work, advance))


def _cut(queries: Int32[np.ndarray, " queries"], size: int) -> list[Int32[np.ndarray, " queries"]]:
    return [queries[start : start + size] for start in range(0, len(queries), size)]


def _here(work: SearchBlocks, advance: Callable[[int], None]) -> Iterator[pl.DataFrame]:
    for number, block in enumerate(work.blocks):
        yield work.search(number)
        advance(len(block))


def _elsewhere(
    work: SearchBlocks, queries: Int32[np.ndarray, " queries"], advance: Callable[[int], None]
) -> pl.DataFrame:
    """Have the blocks done by an engine, in a folder that all of its workers see, and that goes in the end."""
    retriever, limit, place = work.retriever, getattr(current_engine(), "shard_gb", None), cache_folder() / "searches"
    if isinstance(retriever, TextVectors):  # encoded by all, before each would ask for all vectors at once
        retriever.vectors_of_documents(work.dataset)
        retriever.vectors_of_queries(work.dataset, queries)
    if (
        limit is not None
        and isinstance(retriever, Shardable)
        and not (work.excluded is not None and len(work.excluded))
    ):
        depth, bound = min(work.depth, work.dataset.n_documents), int(limit * 1e9)
        in_shards = searched(retriever, work.dataset, queries, depth, limit=bound, place=place, equally=True)
        if in_shards is not None:  # it was searched for there, by all
            rows = in_shards.retrieve(work.dataset, queries, depth)
            shutil.rmtree(in_shards.folder, ignore_errors=True)
            advance(len(queries))
            return rows.select("query", "document", "rank", "score")
    place.mkdir(parents=True, exist_ok=True)
    work = replace(work, folder=Path(mkdtemp(prefix="evaluation-", dir=place)))
    try:
        for number in current_engine().each(work, range(len(work.blocks))):
            advance(len(work.blocks[number]))
        return pl.concat(pl.read_parquet(part_path(work.folder, number)) for number in range(len(work.blocks)))
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
