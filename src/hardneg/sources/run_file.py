"""What any other search engine found, from a TREC run file."""

import hashlib
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.lines import encoding_problem, numbered_lines
from hardneg.errors import DatasetError
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA
from hardneg.storage import here

_FIELDS = "query_id Q0 doc_id rank score tag"
# Other tables of retrieval, by their number of fields, and what to do with them.
_OTHERS = {
    3: "; this looks like a run of MS MARCO (query_id doc_id rank): write it as query_id Q0 doc_id rank -rank name",
    4: "; this looks like qrels (query_id 0 doc_id relevance), which are labels and no run: they belong to the dataset",
    5: "; the name of the run may be missing at the end",
}


@dataclass(frozen=True)
class RunFile:
    """The documents of a TREC run file, ranked by score, equal scores by position.

    The file's own ranks are ignored: engines disagree on where they begin and on ties. Queries that the file
    lacks have no candidates; queries that are not asked for are ignored. A file with ids that the dataset lacks is
    refused, and so is one without any query of the split.

    Args:
        path: Lines `query_id Q0 doc_id rank score tag`; may be gzipped, and lie at an address (`s3://BUCKET/NAME`).
        name: Suffix of its columns.
    """

    path: str | Path
    name: str = "run"

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Take the best documents of some queries; a DatasetError says where the file is broken or of other ids."""
        run = _read(here(self.path), _digest(self.path), dataset)
        return run.filter(pl.col("query").is_in(block.tolist()) & (pl.col("rank") <= depth))

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """Make sure that the run is about the queries that it is used for: a DatasetError if it has none of them."""
        present = _read(here(self.path), _digest(self.path), dataset)["query"].unique()
        if not present.is_in(queries.tolist()).any():
            raise DatasetError(
                f"the run has none of the {len(queries):,} queries of split {split!r}, but {len(present):,} other "
                f"queries of {dataset.name}; make a run of that split, or name the split that the run is of",
                path=self.path,
            )

    def fingerprint(self) -> str:
        """Hash of the file."""
        return _digest(self.path)


def _digest(path: str | Path) -> str:
    try:
        place = here(path)
        state = place.stat()
        return _digest_of(place, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise DatasetError(f"the run file cannot be read: {error.strerror}", path=path) from error


@lru_cache(maxsize=16)
def _digest_of(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001 - a changed file is hashed anew
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=2)
def _read(path: Path, digest: str, dataset: Dataset) -> pl.DataFrame:  # noqa: ARG001 - a changed file is read anew
    queries = {name: at for at, name in enumerate(dataset.queries["id"].to_list())}
    documents = {name: at for at, name in enumerate(dataset.documents["id"].to_list())}
    query, document, score, line = array("i"), array("i"), array("d"), array("q")
    for number, fields in _lines(path):
        query.append(queries.get(fields[0], -1))
        document.append(documents.get(fields[2], -1))
        score.append(_score(fields[4], path, number))
        line.append(number)
    columns = {"query": query, "document": document, "score": score, "line": line}
    run = pl.DataFrame({name: np.array(values) for name, values in columns.items()})
    unknown = run.filter((pl.col("query") < 0) | (pl.col("document") < 0))["line"]
    if len(unknown):  # the file is read again, so that ids need not be kept
        other_queries = {fields[0] for _, fields in _lines(path)} - queries.keys()
        other_documents = {fields[2] for _, fields in _lines(path)} - documents.keys()
        first = next(fields for number, fields in _lines(path) if number == unknown[0])
        example = f"query {first[0]!r}" if first[0] in other_queries else f"document {first[2]!r}"
        raise DatasetError(
            f"{example} is not in the dataset: {len(unknown):,} of {len(line):,} lines name {len(other_queries):,} "
            f"queries and {len(other_documents):,} documents that {dataset.name} lacks; was the run made with it?",
            path=path,
            line=unknown[0],
        )
    repeated = run.filter(~pl.struct("query", "document").is_first_distinct())
    if len(repeated):
        doc_id = dataset.documents["id"][repeated["document"][0]]
        raise DatasetError(f"document {doc_id!r} is repeated for its query", path=path, line=repeated["line"][0])
    run = run.sort("query", "score", "document", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1).over("query").alias("rank")
    return run.with_columns(rank).select(pl.col(name).cast(dtype) for name, dtype in RETRIEVAL_SCHEMA.items())


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, offset, line in numbered_lines(path):
        if problem := encoding_problem(line, offset):
            raise DatasetError(problem, path=path, line=number)
        fields = line.decode().split()
        if len(fields) != 6:
            hint = _OTHERS.get(len(fields), "")
            raise DatasetError(f"{len(fields)} fields where a run has 6: {_FIELDS}{hint}", path=path, line=number)
        yield number, fields


def _score(text: str, path: Path, line: int) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DatasetError(f"{text!r} in field 5 is not a finite score", path=path, line=line)
    return score
