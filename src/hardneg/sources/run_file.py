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

_FIELDS = "query_id Q0 doc_id rank score tag"


@dataclass(frozen=True)
class RunFile:
    """The documents of a TREC run file, ranked by score, equal scores by position.

    The file's own ranks are ignored: engines disagree on where they begin and on ties. Queries that the file
    lacks have no candidates; queries that are not asked for are ignored.

    Args:
        path: Lines `query_id Q0 doc_id rank score tag`; may be gzipped.
        name: Suffix of its columns.
    """

    path: str | Path
    name: str = "run"

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Take the best documents of some queries.

        Args:
            dataset: Whose ids the file names.
            block: Positions of the queries.
            depth: Documents for each query at most.

        Returns:
            A retrieval table, see `Source.retrieve`.

        Raises:
            DatasetError: The file is damaged, or a line is broken, names an unknown id, or repeats a pair.
        """
        run = _read(Path(self.path), _digest(self.path), dataset)
        return run.filter(pl.col("query").is_in(block.tolist()) & (pl.col("rank") <= depth))

    def fingerprint(self) -> str:
        """Hash of the file."""
        return _digest(self.path)


def _digest(path: str | Path) -> str:
    try:
        state = Path(path).stat()
        return _digest_of(Path(path), state.st_size, state.st_mtime_ns)
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
        query.append(_position(queries, fields[0], "query", path, number))
        document.append(_position(documents, fields[2], "document", path, number))
        score.append(_score(fields[4], path, number))
        line.append(number)
    columns = {"query": query, "document": document, "score": score, "line": line}
    run = pl.DataFrame({name: np.array(values) for name, values in columns.items()})
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
            raise DatasetError(f"{len(fields)} fields where a run has 6: {_FIELDS}", path=path, line=number)
        yield number, fields


def _position(known: dict[str, int], name: str, kind: str, path: Path, line: int) -> int:
    if name not in known:
        raise DatasetError(f"{kind} {name!r} is not in the dataset; was the run made with it?", path=path, line=line)
    return known[name]


def _score(text: str, path: Path, line: int) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise DatasetError(f"{text!r} in field 5 is not a finite score", path=path, line=line)
    return score
