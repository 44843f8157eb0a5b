"""Documents whose vectors are close to the query's, as an index of FAISS finds them: most of the nearest, not all."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.text import digest
from hardneg.errors import RecipeError
from hardneg.leave import note_file
from hardneg.scoring.protocol import Scorer
from hardneg.search.faiss_index import Build, Kind, foreign_index, kept_index, nearest
from hardneg.sources.protocol import Checks, Source, TextVectors, identity
from hardneg.sources.retrieval import checked_name, retrieval_table
from hardneg.sources.vector_files import stamp


@dataclass(frozen=True)
class Approximate:
    """The best documents by the vectors of another source, as an index of FAISS finds them.

    The index gives `pool` documents for a query, which are then scored and ranked by the vectors themselves; so what it
    lacks of the best is all that is lost. It is built once, kept in the cache, and the same for the same vectors and
    seed. Below 1,000 documents, and where `pool` is all of them, nothing is lost.

    Args:
        of: The source that has the vectors: "dense" or "vectors".
        kind: "ivfpq" (lists of compressed vectors: little memory) or "hnsw" (a graph over whole vectors: more found).
        file: Your own index, written by `faiss.write_index`; vector i is that of document i. None builds one. FAISS
            reads the file in C++: name only what you trust.
        pool: Documents that the index is asked for, and the most that a query can get, at least 1.
        probes: Lists that are looked into, of "ivfpq".
        lists: Lists that there are, of "ivfpq"; None for four times the root of the number of documents.
        bytes_each: Bytes that a vector is compressed to, of "ivfpq".
        links: Links of a document, of "hnsw".
        seed: Of what is drawn when the index is built.
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range, or the source has no vectors.

    References:
        Jégou, Douze and Schmid (2011) for "ivfpq"; Malkov and Yashunin (2018), arXiv:1603.09320, for "hnsw".
    """

    of: Source
    kind: Kind = "ivfpq"
    file: str | Path | None = None
    pool: int = 1_000
    probes: int = 64
    lists: int | None = None
    bytes_each: int = 96
    links: int = 32
    seed: int = 0
    name: str = "approximate"

    native_file: ClassVar[str] = "file"  # what is read by code that is not made for a stranger's files

    def __post_init__(self) -> None:
        checked_name(self.name, kind="approximate")
        assert self._build  # checks the values
        for field in ("pool", "probes"):
            if getattr(self, field) < 1:
                raise RecipeError(f"approximate: {field} is {getattr(self, field)}; set it to 1 or more")
        if self.file is not None:
            note_file(self.file)
        if not (isinstance(self.of, TextVectors) and isinstance(self.of, Scorer)):
            raise RecipeError(f"approximate: the source {self.of.name!r} has no vectors; name dense or vectors")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find documents for some queries; the index is built, or read, on first use."""
        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        queries = np.asarray(self.vectors_of_queries(dataset, block), np.float32)
        document = nearest(self._index(dataset), queries, min(self.pool, dataset.n_documents), probes=self.probes)
        row, place = np.nonzero(document >= 0)
        scores = np.full(document.shape, -np.inf, np.float32)
        scores[row, place] = self.score(dataset, block[row], document[row, place])
        order = np.lexsort((document, -scores))[:, :depth]
        document, scores = (np.take_along_axis(each, order, axis=1) for each in (document, scores))
        return retrieval_table(block, document, scores)

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs, by the vectors themselves."""
        return cast(Scorer, self.of).score(dataset, query, document)

    def vectors_of_documents(self, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
        """Vectors of all documents, by position."""
        return cast(TextVectors, self.of).vectors_of_documents(dataset)

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""
        return cast(TextVectors, self.of).vectors_of_queries(dataset, queries)

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """Have the source look at the dataset first, and see whether the file of an index is one of it."""
        if isinstance(self.of, Checks):
            self.of.check(dataset, queries, split=split)
        if self.file is not None:
            self._index(dataset)

    def fingerprint(self) -> str:
        """Hash of the source and of the index's file."""
        return identity(self.of) + ("" if self.file is None else " " + stamp(Path(self.file)))

    @property
    def _build(self) -> Build:
        return Build(self.kind, self.lists, self.bytes_each, self.links, self.seed)

    def _index(self, dataset: Dataset) -> Any:  # noqa: ANN401 - FAISS has no types
        file = None if self.file is None else Path(self.file)
        return _index(dataset, self, "" if file is None else stamp(file))


@of_texts(keep=2)
def _index(dataset: Dataset, source: Approximate, stamp_of_file: str) -> Any:  # noqa: ANN401 - FAISS has no types
    from hardneg.files import cache_folder

    del stamp_of_file  # part of the key: a changed file is read anew
    vectors = source.vectors_of_documents(dataset)
    if source.file is not None:
        return foreign_index(Path(source.file), dim=vectors.shape[1], n=len(vectors))
    ids, texts = digest(dataset.documents["id"]), digest(dataset.document_texts)
    state = f"{source._build} {identity(source.of)} {ids} {texts}"
    key = hashlib.blake2b(state.encode(), digest_size=16).hexdigest()
    return kept_index(source._build, vectors, cache_folder() / "indexes" / key)
