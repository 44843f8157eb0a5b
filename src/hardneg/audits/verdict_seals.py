"""Seals of a review's verdicts, which nobody can make anew: what was changed by anything but a review is noticed.

What is judged has one seal. Each verdict is sealed with all those before it, so that none can be missing either.
"""

import sqlite3
from pathlib import Path
from typing import Any

from hardneg.databases import seal
from hardneg.errors import RunError

SEALS = "CREATE TABLE IF NOT EXISTS seals (pairs BLOB NOT NULL, vote INTEGER NOT NULL, votes BLOB NOT NULL)"

_PAIRS = (
    "SELECT name, sql FROM sqlite_master ORDER BY name",
    "SELECT * FROM begun",
    "SELECT * FROM data",
    "SELECT * FROM pairs",
)
_VOTES = "SELECT vote, pair, reviewer, verdict, at FROM votes WHERE vote > ? AND vote <= ? ORDER BY vote"
_ALL = 2**62


def seal_all(connection: sqlite3.Connection) -> None:
    """Seal everything as it is."""
    votes = connection.execute(_VOTES, (0, _ALL)).fetchall()
    connection.execute("DELETE FROM seals")
    values = (_of_pairs(connection), votes[-1][0] if votes else 0, _of_votes(votes, b""))
    connection.execute("INSERT INTO seals VALUES (?, ?, ?)", values)


def seal_vote(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    """Seal a new verdict, and those that a version without seals added before it."""
    last, before = connection.execute("SELECT vote, votes FROM seals").fetchone()
    votes = connection.execute(_VOTES, (last, row[0])).fetchall()
    connection.execute("UPDATE seals SET vote = ?, votes = ?", (row[0], _of_votes(votes, before)))


def check_seals(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that all is as it was written; a RunError says what is not, and what can be done."""
    what = _damage(connection)
    if what:
        raise RunError(
            f"{path} is damaged ({what}), and nobody can make people's verdicts anew: bring it back from a copy, save "
            f"what can be read (sqlite3 {path} .recover), or name another file with --database to begin anew"
        )


def _damage(connection: sqlite3.Connection) -> str:
    checked = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if checked != "ok":
        return str(checked).replace("\n", " ")
    pairs, last, votes = connection.execute("SELECT pairs, vote, votes FROM seals").fetchone()
    if pairs != _of_pairs(connection):
        return "the pairs to judge are not those that were written"
    if votes != _of_votes(connection.execute(_VOTES, (0, last)).fetchall(), b""):
        return "the verdicts are not those that were given"
    return ""


def _of_pairs(connection: sqlite3.Connection) -> bytes:
    state = b""
    for select in _PAIRS:
        for row in connection.execute(select):
            state = seal(*row, after=state)
    return state


def _of_votes(votes: list[tuple[Any, ...]], before: bytes) -> bytes:
    for row in votes:
        before = seal(*row, after=before)
    return before
