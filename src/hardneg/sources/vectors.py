"""Documents whose precomputed vectors are close to the query's: any encoder, also one behind an API."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.addresses import address_of
from hardneg.arrays import Rows, Scores
from hardneg.checksums import digest
from hardneg.data.dataset import Dataset
from hardneg.sources.retrieval import checked_name, retrieval_table
from hardneg.sources.vector_files import aligned, read_ids, read_vectors, stamp
from hardneg.sources.vector_shards import vectors_in_shards
from hardneg.storage import bring


@dataclass(frozen=True)
class Vectors:
    """The best documents by the dot product of vectors from files, found exactly.

    Vectors are taken as they are: for cosine, give them unit length. Rows are matched to the dataset by id,
    so the files may hold more than the dataset and in another order. Without a file of ids, row `i` belongs
    to query or document `i` of the dataset.

    Args:
        document_vectors: A `.npy` matrix, one row a document; float32 is memory-mapped, float16 and float64
            are converted to it. A file, or its address (`s3://BUCKET/NAME`), as are all of these.
        query_vectors: The same for queries.
        document_ids: Ids of the rows: text with one id a line, a `.json` list or object (`{row: id}` or
            `{id: row}`), or a `.npy` array.
        query_ids: The same for queries.
        name: Suffix of its columns.

    Raises:
        RecipeError: The name is empty.
    """

    document_vectors: str | Path
    query_vectors: str | Path
    document_ids: str | Path | None = None
    query_ids: str | Path | None = None
    name: str = "vectors"

    def __post_init__(self) -> None:
        checked_name(self.name, kind="vectors")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents; a ModelError if a file does not fit the dataset, or a vector is not finite."""
        from hardneg.search.exact import exact_topk

        queries, documents = self._aligned(dataset)
        return retrieval_table(block, *exact_topk(queries[block], documents, depth))

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:  # noqa: ARG002
        """Make sure that the files fit the dataset and each other."""
        self.retrieve(dataset, queries[:1], 1)

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs."""
        from hardneg.search.exact import pair_scores

        return pair_scores(*self._aligned(dataset), query, document)

    def vectors_of_documents(self, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
        """Vectors of all documents, by position."""
        return self._aligned(dataset)[1]

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""
        return self._aligned(dataset)[0][queries]

    sharded = vectors_in_shards

    def fingerprint(self) -> str:
        """Sizes and times of the files: hashing millions of vectors would take longer than searching them."""
        files = (self.document_vectors, self.query_vectors, self.document_ids, self.query_ids)
        return " ".join(_state(file) for file in files if file is not None)

    def _aligned(
        self, dataset: Dataset
    ) -> tuple[Float32[np.ndarray, "queries dim_q"], Float32[np.ndarray, "documents dim_d"]]:
        queries = _load(self.query_vectors, self.query_ids, dataset, "query")
        return queries, _load(self.document_vectors, self.document_ids, dataset, "document")


@lru_cache(maxsize=16)
def _brought(address: str) -> tuple[Path, str]:
    """Bring a file once a process; with its checksum."""
    path = bring(address)
    return path, digest(path)


def _here(file: str | Path) -> Path:
    address = address_of(file)
    return Path(file) if address is None else _brought(address)[0]


def _state(file: str | Path) -> str:
    """Name a file's present state; one from an address is the same on any machine."""
    address = address_of(file)
    return stamp(Path(file)) if address is None else f"{address}:{_brought(address)[1]}"


def _load(vectors: str | Path, ids: str | Path | None, dataset: Dataset, kind: str) -> Float32[np.ndarray, "rows dim"]:
    paths = (_here(vectors), None if ids is None else _here(ids))
    return _load_once(*paths, tuple(stamp(path) for path in paths if path is not None), dataset, kind)


@lru_cache(maxsize=4)
def _load_once(
    path: Path,
    ids: Path | None,
    stamps: tuple[str, ...],  # noqa: ARG001 - part of the key: changed files are read anew
    dataset: Dataset,
    kind: str,
) -> Float32[np.ndarray, "rows dim"]:
    wanted = (dataset.queries if kind == "query" else dataset.documents)["id"]
    return aligned(read_vectors(path), None if ids is None else read_ids(ids), wanted, kind=kind, path=path)
