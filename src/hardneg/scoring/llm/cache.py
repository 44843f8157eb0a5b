"""Verdicts on disk: each is written the moment it is there, since it was paid for."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from hardneg.databases import look_up, one_step, paid_for, seal
from hardneg.files import cache_folder
from hardneg.scoring.llm.verdict import Verdict

_TABLES = {
    "verdicts": """
CREATE TABLE IF NOT EXISTS verdicts (
    pair BLOB PRIMARY KEY, model TEXT NOT NULL, answer TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    raw TEXT NOT NULL, tokens_in INTEGER, tokens_out INTEGER, judged_at TEXT NOT NULL
) WITHOUT ROWID
""",
    "seals": "CREATE TABLE IF NOT EXISTS seals (pair BLOB PRIMARY KEY, seal BLOB NOT NULL) WITHOUT ROWID",
}
_TROUBLE = (
    "{path}: the verdicts kept there cannot be used ({error}); make room, move the file away, or set HARDNEG_CACHE to "
    "another folder"
)

_log = logging.getLogger(__name__)


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
        rows = list(look_up(self._connection, "SELECT * FROM verdicts", pairs))
        seals = dict(look_up(self._connection, "SELECT pair, seal FROM seals", pairs))
        damaged = [row[0] for row in rows if row[0] in seals and seal(*row) != seals[row[0]]]
        if damaged:
            _log.warning("%s is damaged; %d verdicts of it are asked for again", self.path, len(damaged))
            with one_step(self._connection):
                for table in _TABLES:
                    self._connection.executemany(f"DELETE FROM {table} WHERE pair = ?", [(pair,) for pair in damaged])
        whole = [VerdictRecord(*row) for row in rows if row[0] not in damaged]
        return {record.pair: Verdict(record.verdict, record.reason) for record in whole}

    def write(self, record: VerdictRecord) -> None:
        """Add one verdict; after the call it outlives the process."""
        marks, row = ",".join("?" * len(fields(VerdictRecord))), astuple(record)
        with one_step(self._connection):
            added = self._connection.execute(f"INSERT OR IGNORE INTO verdicts VALUES ({marks})", row).rowcount
            if added:
                self._connection.execute("INSERT OR REPLACE INTO seals VALUES (?, ?)", (record.pair, seal(*row)))


def verdicts_path() -> Path:
    """Where verdicts are kept in the cache folder."""
    return cache_folder() / "verdicts" / "verdicts.sqlite"


@contextmanager
def verdict_file(path: Path) -> Iterator[VerdictFile]:
    """Open a file of verdicts, made if missing; one thread may use it at a time, not always the same."""
    with paid_for(path, _TABLES, _is_whole, trouble=_TROUBLE) as connection:
        yield VerdictFile(connection, path)


def _is_whole(table: str, row: tuple[Any, ...]) -> bool:
    """Say whether a row of a damaged file can be taken over; its seal is compared when it is read."""
    return len(row) == (2 if table == "seals" else len(fields(VerdictRecord))) and None not in (row[0], row[-1])
