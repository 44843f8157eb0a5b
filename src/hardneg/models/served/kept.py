"""Vectors that a server gave: each is kept the moment it is there, since it was paid for."""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from hardneg.databases import database, look_up, mend, one_step, seal
from hardneg.files import cache_folder

_TABLES = {
    "vectors": "CREATE TABLE IF NOT EXISTS vectors (pair BLOB PRIMARY KEY, vector BLOB NOT NULL, seal BLOB NOT NULL)"
}
_TROUBLE = (
    "{path}: the vectors kept there cannot be used ({error}); make room, move the file away, or set HARDNEG_CACHE to "
    "another folder"
)

_log = logging.getLogger(__name__)


class VectorFile:
    """An SQLite file of vectors, by what was asked."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Look vectors up, as the bytes of float32."""
        rows = list(look_up(self._connection, "SELECT * FROM vectors", keys))
        damaged = [key for key, vector, sealed in rows if seal(key, vector) != sealed]
        if damaged:
            _log.warning("%s is damaged; %d vectors of it are asked for again", self._path, len(damaged))
            with one_step(self._connection):
                self._connection.executemany("DELETE FROM vectors WHERE pair = ?", [(key,) for key in damaged])
        return {key: vector for key, vector, _ in rows if key not in damaged}

    def has(self, keys: Sequence[bytes]) -> set[bytes]:
        """Say which of these there are."""
        return {row[0] for row in look_up(self._connection, "SELECT pair FROM vectors", keys)}

    def write(self, vectors: Mapping[bytes, bytes]) -> None:
        """Add vectors; after the call they outlive the process."""
        rows = [(key, vector, seal(key, vector)) for key, vector in vectors.items()]
        with one_step(self._connection):
            self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)


def embeddings_path() -> Path:
    """Where vectors are kept in the cache folder."""
    return cache_folder() / "embeddings" / "embeddings.sqlite"


@contextmanager
def vector_file(path: Path) -> Iterator[VectorFile]:
    """Open a file of vectors, made if missing; one thread may use it at a time, not always the same."""
    mend(path, _TABLES, _is_whole, keep=True)
    with database(path, trouble=_TROUBLE) as connection:
        for statement in _TABLES.values():
            connection.execute(statement)
        yield VectorFile(connection, path)


def _is_whole(_: str, row: tuple[Any, ...]) -> bool:
    """Say whether a row of a damaged file can be taken over."""
    return len(row) == 3 and isinstance(row[1], bytes) and seal(*row[:2]) == row[2]


def key_of(base_url: str, asked: Mapping[str, object], text: str) -> bytes:
    """Name what decides a vector: where it was asked for, of which model, with which options, and the text."""
    return hashlib.blake2b(json.dumps([base_url, asked, text]).encode(), digest_size=16).digest()


def vectors_of(stored: Sequence[bytes]) -> Float32[np.ndarray, "texts dim"]:
    """Put stored vectors below each other."""
    return np.frombuffer(b"".join(stored), dtype=np.float32).reshape(len(stored), -1)
