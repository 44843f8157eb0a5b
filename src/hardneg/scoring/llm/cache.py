"""Verdicts on disk: each is written the moment it is there, since it was paid for."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from hardneg.errors import RunError
from hardneg.models.store import cache_folder
from hardneg.scoring.llm.verdict import Verdict

_ASKED = 900  # keys of one look-up; some builds of SQLite take no more than 999
_WAIT_S = 60.0


@dataclass(frozen=True)
class Record:
    """All that is kept of one verdict; the texts themselves are not."""

    pair: bytes
    model: str
    answer: str
    verdict: str
    reason: str
    raw: str
    tokens_in: int | None
    tokens_out: int | None
    judged_at: str


class VerdictFile:
    """An SQLite file of verdicts, safe against being killed and shared by several processes."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def read(self, pairs: list[bytes]) -> dict[bytes, Verdict]:
        """Look verdicts up."""
        found: dict[bytes, Verdict] = {}
        for start in range(0, len(pairs), _ASKED):
            part = pairs[start : start + _ASKED]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT pair, verdict, reason FROM verdicts WHERE pair IN ({marks})", part)
            found.update((pair, Verdict(verdict, reason)) for pair, verdict, reason in rows)
        return found

    def write(self, record: Record) -> None:
        """Add one verdict; after the call it outlives the process."""
        marks = ",".join("?" * len(fields(Record)))
        with self._connection:
            self._connection.execute(f"INSERT OR IGNORE INTO verdicts VALUES ({marks})", astuple(record))


@contextmanager
def verdict_file() -> Iterator[VerdictFile]:
    """Open the verdicts in the cache folder; the file is made if missing."""
    path = cache_folder() / "verdicts" / "verdicts.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            yield VerdictFile(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RunError(
            f"{path}: the verdicts kept there cannot be used ({error}); make room, move the file away, or set "
            "HARDNEG_CACHE to another folder"
        ) from error


_TABLE = """
CREATE TABLE IF NOT EXISTS verdicts (
    pair BLOB PRIMARY KEY, model TEXT NOT NULL, answer TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    raw TEXT NOT NULL, tokens_in INTEGER, tokens_out INTEGER, judged_at TEXT NOT NULL
) WITHOUT ROWID
"""
