"""Verdicts on disk: each is written the moment it is there, since it was paid for."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from hardneg.files import database, look_up
from hardneg.models.store import cache_folder
from hardneg.scoring.llm.verdict import Verdict

_TABLE = """
CREATE TABLE IF NOT EXISTS verdicts (
    pair BLOB PRIMARY KEY, model TEXT NOT NULL, answer TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    raw TEXT NOT NULL, tokens_in INTEGER, tokens_out INTEGER, judged_at TEXT NOT NULL
) WITHOUT ROWID
"""
_TROUBLE = (
    "{path}: the verdicts kept there cannot be used ({error}); make room, move the file away, or set HARDNEG_CACHE to "
    "another folder"
)


@dataclass(frozen=True)
class VerdictRecord:
    """All that is kept of one verdict; the texts themselves are not."""

    pair: bytes  # digest of everything that decides the verdict
    model: str
    answer: str
    verdict: str
    reason: str
    raw: str
    tokens_in: int | None  # as the server counts them
    tokens_out: int | None
    judged_at: str  # ISO 8601, UTC


class VerdictFile:
    """An SQLite file of verdicts."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    def read(self, pairs: list[bytes]) -> dict[bytes, Verdict]:
        """Look verdicts up."""
        rows = look_up(self._connection, "SELECT pair, verdict, reason FROM verdicts", pairs)
        return {pair: Verdict(verdict, reason) for pair, verdict, reason in rows}

    def write(self, record: VerdictRecord) -> None:
        """Add one verdict; after the call it outlives the process."""
        marks = ",".join("?" * len(fields(VerdictRecord)))
        self._connection.execute(f"INSERT OR IGNORE INTO verdicts VALUES ({marks})", astuple(record))


@contextmanager
def verdict_file() -> Iterator[VerdictFile]:
    """Open the verdicts in the cache folder; one thread may use them at a time, not always the same."""
    path = cache_folder() / "verdicts" / "verdicts.sqlite"
    with database(path, trouble=_TROUBLE) as connection:
        connection.execute(_TABLE)
        yield VerdictFile(connection, path)
