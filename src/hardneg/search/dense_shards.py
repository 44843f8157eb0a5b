"""Exact search over vectors in shards, each a part of a file of which only that part is mapped into memory."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Float64

from hardneg.files import replacing
from hardneg.search._kernels.compiled import frozen
from hardneg.search._kernels.dense import Towers
from hardneg.search.exact import check_dimensions, slab
from hardneg.search.first_pass import sampled_levels, search_shard
from hardneg.search.products import Float32Format, fastest
from hardneg.search.sharded import Hits, edges


@dataclass(frozen=True)
class DenseSearch:
    """Search for queries of one `.npy` file among documents of another."""

    queries: Path
    documents: Path
    n_documents: int
    n_shards: int

    samples: ClassVar[bool] = True

    def open(self, shard: int) -> "DenseShard":
        """Map a shard."""
        start, stop = edges(self.n_documents, self.n_shards)[shard : shard + 2]
        documents = np.load(self.documents, mmap_mode="r")[start:stop]
        return DenseShard(np.load(self.queries, mmap_mode="r"), frozen(documents), start)


@dataclass(frozen=True, eq=False)
class DenseShard:
    """Vectors that follow each other in a file."""

    queries: Float32[np.ndarray, "queries dim"]
    documents: Float32[np.ndarray, "documents dim"]
    start: int

    def levels(self, rows: slice, depth: int) -> Float64[np.ndarray, "queries levels"]:
        """Take the levels from a sample."""
        towers, format_ = self._asked(rows)
        return sampled_levels(towers, format_, depth, **self._at(rows))

    def best(self, rows: slice, depth: int, floor: Float64[np.ndarray, " queries"]) -> Hits:
        """Find the best by their true scores."""
        wanted = min(depth, len(self.documents))
        towers, format_ = self._asked(rows)
        best = search_shard(towers, format_, floor, wanted, **self._at(rows))
        there = np.arange(wanted) < best.n_found[:, None]
        return Hits(best.document[there] + np.int32(self.start), best.score[there], best.n_found)

    def _asked(self, rows: slice) -> tuple[Towers, Float32Format]:
        queries = frozen(self.queries[rows])
        return Towers(queries, self.documents), fastest(len(queries) * self.documents.size)

    def _at(self, rows: slice) -> dict[str, int]:
        return {"document_block": slab(self.documents.shape[1]), "first": rows.start, "start": self.start}


def dense_in_shards(
    queries: Float32[np.ndarray, "queries dim_q"],
    documents: Float32[np.ndarray, "documents dim_d"],
    *,
    limit: int,
    folder: Path,
) -> DenseSearch | None:
    """Cut documents that are mapped from a file into shards of at most so many bytes; None if all of them fit."""
    if documents.nbytes <= limit or not isinstance(documents, np.memmap) or documents.filename is None:
        return None
    check_dimensions(queries, documents)
    path = folder / "queries.npy"
    if not path.exists():
        with replacing(path, sums=False) as temporary, temporary.open("wb") as file:
            np.save(file, queries)
    n_shards = min(math.ceil(documents.nbytes / limit), len(documents))
    return DenseSearch(path, Path(documents.filename), len(documents), n_shards)
