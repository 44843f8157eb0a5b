"""Scores on disk, by digest of the pair."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardneg.errors import RunError

_ASKED = 900  # keys of one look-up; some builds of SQLite take no more than 999
_WAIT_S = 60.0


class ScoreFile:
    """An SQLite file of scores, safe against being killed and shared by several processes."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, keys: list[bytes]) -> dict[bytes, float]:
        """Look scores up."""
        found: dict[bytes, float] = {}
        for start in range(0, len(keys), _ASKED):
            part = keys[start : start + _ASKED]
            marks = ",".join("?" * len(part))
            found.update(self._connection.execute(f"SELECT pair, score FROM scores WHERE pair IN ({marks})", part))
        return found

    def write(self, rows: Iterable[tuple[bytes, float]]) -> None:
        """Add scores in one step: after it they are all there, killed before it none is."""
        with self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO scores VALUES (?, ?)", rows)


@contextmanager
def score_file(path: Path) -> Iterator[ScoreFile]:
    """Open a file of scores; it is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_S)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS scores (pair BLOB PRIMARY KEY, score REAL NOT NULL) WITHOUT ROWID"
            )
            yield ScoreFile(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RunError(
            f"{path}: the scores kept there cannot be used ({error}); make room, delete the file, or set HARDNEG_CACHE "
            "to another folder"
        ) from error
