"""What a server gave: each answer is kept the moment it is there, since it was paid for."""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardneg.databases import look_up, one_step, paid_for, seal
from hardneg.files import cache_folder

_TABLES = {
    "answers": "CREATE TABLE IF NOT EXISTS answers (pair BLOB PRIMARY KEY, answer BLOB NOT NULL, seal BLOB NOT NULL)"
}
_TROUBLE = (
    "{path}: the answers kept there cannot be used ({error}); make room, move the file away, or set HARDNEG_CACHE to "
    "another folder"
)

_log = logging.getLogger(__name__)


class AnswerFile:
    """An SQLite file of answers, by what was asked."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Look answers up."""
        rows = list(look_up(self._connection, "SELECT * FROM answers", keys))
        damaged = [key for key, answer, sealed in rows if seal(key, answer) != sealed]
        if damaged:
            _log.warning("%s is damaged; %d answers of it are asked for again", self._path, len(damaged))
            with one_step(self._connection):
                self._connection.executemany("DELETE FROM answers WHERE pair = ?", [(key,) for key in damaged])
        return {key: answer for key, answer, _ in rows if key not in damaged}

    def has(self, keys: Sequence[bytes]) -> set[bytes]:
        """Say which of these there are."""
        return {row[0] for row in look_up(self._connection, "SELECT pair FROM answers", keys)}

    def write(self, answers: Mapping[bytes, bytes]) -> None:
        """Add answers; after the call they outlive the process."""
        rows = [(key, answer, seal(key, answer)) for key, answer in answers.items()]
        with one_step(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", rows)


def answers_path(kind: str) -> Path:
    """Where the answers of one kind are kept in the cache folder."""
    return cache_folder() / kind / f"{kind}.sqlite"


@contextmanager
def answer_file(path: Path) -> Iterator[AnswerFile]:
    """Open a file of answers, made if missing; one thread may use it at a time, not always the same."""
    with paid_for(path, _TABLES, _is_whole, trouble=_TROUBLE) as connection:
        yield AnswerFile(connection, path)


def _is_whole(_: str, row: tuple[Any, ...]) -> bool:
    """Say whether a row of a damaged file can be taken over."""
    return len(row) == 3 and isinstance(row[1], bytes) and seal(*row[:2]) == row[2]


def key_of(base_url: str, asked: Mapping[str, object], text: str) -> bytes:
    """Name what decides an answer: where it was asked for, of which model, with which options, and the text."""
    return hashlib.blake2b(json.dumps([base_url, asked, text]).encode(), digest_size=16).digest()
