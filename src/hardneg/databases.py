"""SQLite files that outlive kills and damage: written in whole steps, with sealed rows, mended from what is left."""

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hardneg.checksums import file_stamp
from hardneg.errors import RunError

_ASKED = 900  # keys of one look-up; some builds of SQLite take no more than 999
_LONGEST = 2**26  # bytes of a value
_WAIT_S = 60.0  # for another process that writes
_ERRORS = (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError)  # the last, where a message names what is damaged
# Of a file that is whole none of these codes comes: wrong SQL cannot be, and a full or locked disk has other ones.
_DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)

# What computes when it is read, and may do so forever.
_FOREIGN = """
    SELECT 1 FROM sqlite_master AS each WHERE each.type NOT IN ('table', 'index') AND each.sql IS NOT ?
    OR EXISTS (SELECT 1 FROM pragma_table_xinfo(each.name) AS field WHERE field.hidden)
"""

_log = logging.getLogger(__name__)
_looked_at: dict[Path, tuple[int, ...]] = {}


@contextmanager
def database(
    path: Path, *, trouble: str, durable: bool = False, view: str | None = None
) -> Iterator[sqlite3.Connection]:
    """Open an SQLite file, made if missing: safe against being killed, and shared by threads and processes.

    Where it cannot be used, a RunError says `trouble`, which may name `{path}` and `{error}`. A power failure takes the
    last steps with it, unless they are `durable`. `view` is the statement of the one view that may be in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing_connection(path, check_same_thread=False, view=view) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            yield connection
    except _ERRORS as error:
        raise RunError(trouble.format(path=path, error=error)) from error


@contextmanager
def paid_for(
    path: Path, tables: dict[str, str], is_sealed: Callable[[str, tuple[Any, ...]], bool], *, trouble: str
) -> Iterator[sqlite3.Connection]:
    """Open a file of what was paid for, its tables made if missing; of a damaged one what is whole is taken over."""
    mend(path, tables, is_sealed, keep=True)
    with database(path, trouble=trouble) as connection:
        for statement in tables.values():
            connection.execute(statement)
        yield connection


@contextmanager
def one_step(connection: sqlite3.Connection) -> Iterator[None]:
    """Write into a database all of what follows, or, if it fails or is killed, none of it."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def look_up(connection: sqlite3.Connection, select: str, keys: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows whose `pair`, the first column, is among `keys`; of a damaged file SQLite may give others too."""
    asked = set(keys)
    for start in range(0, len(keys), _ASKED):
        part = keys[start : start + _ASKED]
        rows = connection.execute(f"{select} WHERE pair IN ({','.join('?' * len(part))})", part)
        yield from (row for row in rows if row[0] in asked)


def seal(*values: object, after: bytes = b"") -> bytes:
    """Hash a row; `after` is the seal of the row before it, where none may be missing either."""
    return hashlib.blake2b(after + repr(values).encode(), digest_size=8).digest()


def mend(path: Path, tables: dict[str, str], is_sealed: Callable[[str, tuple[Any, ...]], bool], *, keep: bool) -> None:
    """Make a damaged file anew from the rows of it that can be read and are as they were written; once a process.

    `tables` are the statements that make its tables, by name. What is damaged is removed, unless it is to be kept.
    """
    stamp = file_stamp(path)
    if stamp is None or _looked_at.get(path) == stamp or _is_sound(path):
        _looked_at[path] = stamp or ()
        return
    rows = {table: [row for row in _readable(path, table) if is_sealed(table, row)] for table in tables}
    aside = path.with_name(f"{path.name}.damaged")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}{suffix}").replace(aside.with_name(f"{aside.name}{suffix}"))
    with database(path, trouble="{path}: {error}") as connection, one_step(connection):
        for table, statement in tables.items():
            connection.execute(statement)
            for row in rows[table]:
                connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * len(row))})", row)
    n_rows, left = sum(map(len, rows.values())), f"; what it was is {aside}" if keep else ""
    _log.warning("%s is damaged; %d rows of it could be read and are kept, the rest is made anew%s", path, n_rows, left)
    for suffix in ("-wal", "-shm", *(() if keep else ("",))):
        aside.with_name(f"{aside.name}{suffix}").unlink(missing_ok=True)
    _looked_at[path] = file_stamp(path) or ()


def _is_sound(path: Path) -> bool:
    """Say whether the pages of a file fit together; what stands in a row is not looked at."""
    try:
        with closing_connection(path) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    except _ERRORS as error:
        is_message_damaged = isinstance(error, UnicodeDecodeError)
        return not is_message_damaged and getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED


def _readable(path: Path, table: str) -> Iterable[tuple[Any, ...]]:
    """Read a table from both ends to where it is damaged."""
    rows: dict[tuple[Any, ...], None] = {}
    for direction in ("ASC", "DESC"):
        with suppress(*_ERRORS), closing_connection(path) as connection:
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY pair {direction}"):
                rows[row] = None
    return rows


@contextmanager
def closing_connection(
    path: Path, *, check_same_thread: bool = True, view: str | None = None
) -> Iterator[sqlite3.Connection]:
    """Open a file as it is; nothing that somebody left in it is run."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_S, check_same_thread=check_same_thread)
    try:
        connection.text_factory = _text
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        connection.execute("PRAGMA trusted_schema = OFF")
        if connection.execute(_FOREIGN, (view,)).fetchone():
            raise sqlite3.DatabaseError("it has views, triggers or computed columns that hardneg does not make")
        yield connection
    finally:
        connection.close()


def _text(raw: bytes) -> str:
    """Read a text, damaged or not; its seal tells."""
    return raw.decode("utf-8", "replace")
