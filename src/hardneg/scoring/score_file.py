"""Scores on disk, by digest of the pair."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardneg.files import database, look_up, one_step

_TROUBLE = (
    "{path}: the scores kept there cannot be used ({error}); make room, delete the file, or set HARDNEG_CACHE to "
    "another folder"
)


class ScoreFile:
    """An SQLite file of scores."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, keys: list[bytes]) -> dict[bytes, float]:
        """Look scores up."""
        return dict(look_up(self._connection, "SELECT pair, score FROM scores", keys))

    def write(self, rows: Iterable[tuple[bytes, float]]) -> None:
        """Add scores in one step: after it they are all there, killed before it none is."""
        with one_step(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", rows)


@contextmanager
def score_file(path: Path) -> Iterator[ScoreFile]:
    """Open a file of scores; it is made if missing."""
    with database(path, trouble=_TROUBLE) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS scores (pair BLOB PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID"
        )
        yield ScoreFile(connection)
