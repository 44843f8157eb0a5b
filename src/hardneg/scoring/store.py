"""Scores of pairs, computed once and kept on disk, and as a table with whose they are and on which scale.

A pair is known by its two texts and a scorer by its fingerprint, so other datasets with the same texts, other
recipes and later runs find the scores again. Missing pairs are scored in chunks, longest first; a killed
process loses at most the chunk that it was at.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32, Int64

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.databases import database, look_up, mend, one_step, seal
from hardneg.engines import current_engine, is_here, shared
from hardneg.errors import RecipeError
from hardneg.files import cache_folder
from hardneg.progress import Advance, showing, task
from hardneg.scoring.protocol import Fingerprinted, Scaled, Scorer, SelfStoring

CHUNK = 4_096
_TABLES = {
    "sealed": "CREATE TABLE IF NOT EXISTS sealed "
    "(pair BLOB PRIMARY KEY, score REAL NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID",
    "scores": "CREATE TABLE IF NOT EXISTS scores (pair BLOB PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID",
}
_log = logging.getLogger(__name__)
_UNIT = "pairs"
_TROUBLE = (
    "{path}: the scores kept there cannot be used ({error}); make room, delete the file, or set HARDNEG_CACHE to "
    "another folder"
)


class ScoreFile:
    """An SQLite file of scores."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def read(self, keys: list[bytes]) -> dict[bytes, float]:
        """Look scores up; one that is not what was written is forgotten, which the log says."""
        rows = list(look_up(self._connection, "SELECT pair, score, seal FROM sealed", keys))
        damaged = [row[0] for row in rows if not _is_sealed("sealed", row)]
        if damaged:
            _log.warning("%s is damaged; %d scores of it are made anew, and all else is kept", self.path, len(damaged))
            self._connection.executemany("DELETE FROM sealed WHERE pair = ?", [(key,) for key in damaged])
        score = {key: value for key, value, _ in rows}
        for key in damaged:
            del score[key]
        older = [key for key in keys if key not in score] if self._has_older else []
        return score | dict(look_up(self._connection, "SELECT pair, score FROM scores", older))

    def write(self, rows: Iterable[tuple[bytes, float]]) -> None:
        """Add scores in one step: after it they are all there, killed before it none is."""
        sealed = [(key, value, seal(key, value)) for key, value in rows]
        with one_step(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO sealed VALUES (?, ?, ?)", sealed)

    @property
    def _has_older(self) -> bool:
        """Whether there are scores of a version that did not seal them."""
        return bool(self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'scores'").fetchall())


@contextmanager
def score_file(path: Path) -> Iterator[ScoreFile]:
    """Open a file of scores; it is made if missing, and mended if it is damaged."""
    mend(path, _TABLES, _is_sealed, keep=False)
    with database(path, trouble=_TROUBLE) as connection:
        connection.execute(_TABLES["sealed"])
        yield ScoreFile(connection, path)


def _is_sealed(table: str, row: tuple[Any, ...]) -> bool:
    return table == "scores" or seal(*row[:-1]) == row[-1]


def stored_scores(scorer: Scorer, dataset: Dataset, query: Rows, document: Rows) -> Scores:
    """Score pairs, or take their scores from the store if the same scorer has seen the same texts.

    A scorer without a fingerprint is asked each time, and so is one that keeps what is dear by itself.

    Args:
        scorer: Scores pairs.
        dataset: Where the texts are.
        query: Positions of queries.
        document: Positions of documents, one for each query.

    Returns:
        A score for each pair.

    Raises:
        RecipeError: The scorer gave something else than one finite number a pair.
        RunError: The store cannot be read or written.
    """
    if len(query) == 0:
        return np.empty(0, dtype=np.float32)
    if not isinstance(scorer, Fingerprinted) or (isinstance(scorer, SelfStoring) and scorer.self_storing):
        return _checked(scorer, dataset, query, document)
    keys = _keys(dataset, query, document)
    row = {key: number for number, key in enumerate(keys)}
    name = hashlib.blake2b(scorer.fingerprint().encode(), digest_size=16).hexdigest()
    path = cache_folder() / "scores" / f"{name}.sqlite"
    with shared(score_file, path) as file:
        score = file.read(list(row))
        missing = np.array([number for key, number in row.items() if key not in score], dtype=np.int64)
        missing = missing[np.argsort(-_lengths(dataset, query[missing], document[missing]), kind="stable")]
        asked = ([keys[number] for number in missing], query[missing], document[missing])
        work = PairScoring(scorer, dataset, *asked, path, CHUNK)
        score |= _score_missing(work, file)
    return np.array([score[key] for key in keys], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class PairScoring:
    """Pairs that are scored chunk by chunk, each written into the file of scores in one step."""

    scorer: Scorer
    dataset: Dataset
    keys: list[bytes]
    query: Int32[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]
    path: Path
    size: int  # of a chunk

    @property
    def scorers(self) -> tuple[Scorer]:
        """Who scores."""
        return (self.scorer,)

    def chunk(self, number: int) -> slice:
        """Say which pairs belong to a chunk."""
        return slice(number * self.size, (number + 1) * self.size)

    def scores(self, number: int) -> dict[bytes, float]:
        """Score a chunk."""
        part = self.chunk(number)
        scores = _checked(self.scorer, self.dataset, self.query[part], self.document[part])
        return dict(zip(self.keys[part], scores.tolist(), strict=True))

    def do(self, number: int) -> None:
        """Score a chunk and keep its scores."""
        scores = self.scores(number)
        with shared(score_file, self.path) as file:
            file.write(list(scores.items()))


def _score_missing(work: PairScoring, file: ScoreFile) -> dict[bytes, float]:
    score: dict[bytes, float] = {}
    if not work.keys:
        return score
    numbers = range(-(-len(work.keys) // work.size))
    with task("scoring pairs", total=len(work.keys), unit=_UNIT) as advance:
        if not is_here():
            for number in current_engine().each(work, numbers):
                advance(len(work.keys[work.chunk(number)]))
            return file.read(work.keys)
        for number in numbers:
            inner = _Within(advance)
            with showing(inner):
                chunk = work.scores(number)
            file.write(list(chunk.items()))
            score |= chunk
            advance(len(chunk) - inner.done)
    return score


def _checked(scorer: Scorer, dataset: Dataset, query: Rows, document: Rows) -> Scores:
    given = np.asarray(scorer.score(dataset, query, document))
    if given.shape != query.shape or given.dtype.kind not in "iuf" or not np.isfinite(given).all():
        raise RecipeError(
            f"scorer {scorer.name!r} must score {len(query)} pairs with as many finite numbers, "
            f"not with {given.dtype} of shape {given.shape}; mend its score()"
        )
    return given.astype(np.float32)


def _keys(dataset: Dataset, query: Rows, document: Rows) -> list[bytes]:
    first, second = _digests(dataset.query_texts, query), _digests(dataset.document_texts, document)
    return [first[q] + second[d] for q, d in zip(query.tolist(), document.tolist(), strict=True)]


def _digests(texts: pl.Series, position: Rows) -> dict[int, bytes]:
    distinct = np.unique(position)
    return {
        number: hashlib.blake2b(text.encode(), digest_size=16).digest()
        for number, text in zip(distinct.tolist(), texts.gather(distinct).fill_null("").to_list(), strict=True)
    }


def _lengths(dataset: Dataset, query: Rows, document: Rows) -> Int64[np.ndarray, " rows"]:
    parts = [dataset.query_texts.gather(query), dataset.document_texts.gather(document)]
    first, second = (part.str.len_chars().fill_null(0).to_numpy().astype(np.int64) for part in parts)
    return first + second


class _Within:
    """Shows a scorer's own progress as part of ours, which goes on from chunk to chunk."""

    def __init__(self, advance: Advance) -> None:
        self.done = 0
        self._outer = advance

    def task(self, description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:  # noqa: ARG002
        return nullcontext(self._advance if unit == _UNIT else lambda _n: None)

    def _advance(self, n: int) -> None:
        self.done += n
        self._outer(n)


def score_table(scorer: Scorer, dataset: Dataset, pairs: pl.DataFrame) -> pl.DataFrame:
    """Score pairs in one pass, longest first over all queries, or take their scores from the store."""
    score = stored_scores(scorer, dataset, pairs["query"].to_numpy(), pairs["document"].to_numpy())
    return pairs.select(
        pl.col("query", "document").cast(pl.Int32),
        teacher=pl.lit(scorer.name),
        score=pl.Series(score, dtype=pl.Float32),
        squashed=pl.lit(is_squashed(scorer, score)),
    )


def is_squashed(scorer: Scorer, score: Float32[np.ndarray, " pairs"]) -> bool:
    """Say whether scores lie between 0 and 1 by their nature; where the scorer does not tell, its scores do."""
    scorer_answer = known_squashed(scorer)
    return bool(((score >= 0) & (score <= 1)).all()) if scorer_answer is None else scorer_answer


def known_squashed(scorer: Scorer) -> bool | None:
    """Say what is known of the scale of a scorer before it has scored anything."""
    return scorer.squashed if isinstance(scorer, Scaled) else None
