"""Sources whose search is done for all queries before any is mined for: in shards, by the workers of an engine."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.scoring.protocol import Scorer
from hardneg.search.sharded import QueryBlock, read_best, search_in_shards
from hardneg.sources.merge import depths
from hardneg.sources.protocol import Shardable, identity
from hardneg.sources.retrieval import retrieval_table

_QUERIES = 8_192  # of a block


@dataclass(frozen=True, eq=False)
class DepthGroup:
    """Queries that are searched for equally deep, and the blocks that they are searched for in."""

    queries: Int32[np.ndarray, " queries"]  # ascending
    depth: int
    first: int  # of the blocks


@dataclass(frozen=True, eq=False)
class Searched:
    """A source that looks up what was found beforehand, and scores other pairs as before."""

    source: Shardable
    scorer: Scorer
    asked: tuple[DepthGroup, ...]
    folder: Path

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Read what was found for some queries; what nobody asked for is searched for now."""
        for each in self.asked:
            rows = np.searchsorted(each.queries, block)
            if each.depth == depth and (each.queries[np.minimum(rows, len(each.queries) - 1)] == block).all():
                return retrieval_table(block, *self._read(each, rows))
        return self.source.retrieve(dataset, block, depth)

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs."""
        return self.scorer.score(dataset, query, document)

    def _read(self, asked: DepthGroup, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        number, place = np.divmod(rows, _QUERIES)
        document = np.empty((len(rows), asked.depth), np.int32)
        score = np.empty((len(rows), asked.depth), np.float32)
        for each in np.unique(number).tolist():
            here = number == each
            best = read_best(self.folder, asked.first + each)
            document[here], score[here] = best[0][place[here]], best[1][place[here]]
        return document, score


def searched(
    source: Shardable,
    dataset: Dataset,
    queries: Int32[np.ndarray, " queries"],
    depth: int,
    *,
    limit: int,
    place: Path,
    equally: bool = False,
) -> Searched | None:
    """Search for queries in shards of at most so many bytes, as deep as `gather` will ask; None if all fits into one.

    With `equally` all are searched for just so deep. What is found lies in a folder of its own in `place`.
    """
    asked = [(queries, depth)] if equally else depths(dataset, queries, depth)
    groups = [DepthGroup(np.sort(each), deep, 0) for each, deep in asked]
    counts = [-(-len(each.queries) // _QUERIES) for each in groups]
    firsts = [0, *accumulate(counts)]
    groups = [DepthGroup(each.queries, each.depth, first) for each, first in zip(groups, firsts, strict=False)]
    key = hashlib.blake2b(f"{dataset.fingerprint} {identity(source, dataset)}".encode(), digest_size=16)
    for each in groups:
        key.update(f"{each.depth} ".encode() + each.queries.tobytes())
    folder = place / key.hexdigest()
    cut = source.sharded(dataset, np.concatenate([each.queries for each in groups]), limit=limit, folder=folder)
    if cut is None:
        return None
    search, scorer = cut
    search_in_shards(search, list(_blocks(groups)), folder)
    return Searched(source, scorer, tuple(groups), folder)


def _blocks(groups: Sequence[DepthGroup]) -> Iterator[QueryBlock]:
    """Cut each group into blocks; rows are numbered through."""
    start = 0
    for each in groups:
        edges = [*range(start, start + len(each.queries), _QUERIES), start + len(each.queries)]
        yield from (QueryBlock(slice(*pair), each.depth) for pair in pairwise(edges))
        start += len(each.queries)
