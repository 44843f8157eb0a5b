"""A folder as it is at one moment, while others write there."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from hardneg.checksums import file_stamp
from hardneg.files import TEMPORARY
from hardneg.runs.lock import WRITER

Stamps = dict[str, tuple[int, ...]]  # what the system says of each file, by name

_LARGE = 1 << 26  # bytes
_OF_HERE = (WRITER, ".status.lock", ".lock")  # locks of this machine
_DATABASE, _LOG = ".sqlite", "-wal"
_BESIDE = tuple(f"{_DATABASE}{end}" for end in (_LOG, "-shm", "-journal"))  # what a copy of a database takes in


def snapshot(folder: Path) -> Stamps:
    """List the files as they are at one moment: nothing changed between two looks but lines or rows were added."""
    while True:
        first, second = _glance(folder), _glance(folder)
        if first.keys() == second.keys() and all(
            is_database(Path(name)) or _same_or_grown(first[name], second[name]) for name in first
        ):
            return first
        time.sleep(0.05)


def stays_here(name: str) -> bool:
    """Say whether a file is a temporary one, or a lock, that means nothing elsewhere."""
    return name.endswith((TEMPORARY, *_BESIDE)) or name in _OF_HERE or (name.startswith(".") and name.endswith(WRITER))


def held(path: Path, copy: Path, stamp: tuple[int, ...]) -> bool:
    """Take hold of what a file was when it was looked at; False if it is another by now.

    Of what has grown the first bytes are taken; a large file gets a second name, which stays when it is replaced; a
    database is copied as it is after its last whole step.
    """
    copy.unlink(missing_ok=True)
    if is_database(path):
        return _copied(path, copy)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != stamp[2]:
                return False
            if stamp[0] < _LARGE:
                copy.write_bytes(file.read(stamp[0]))
            else:
                os.link(path, copy)
    except FileNotFoundError:
        return False
    state = file_stamp(copy)
    return state is not None and state[0] == stamp[0] and (stamp[0] < _LARGE or state == stamp)


def is_database(path: Path) -> bool:
    """Say whether a file is a database, which changes in place."""
    return path.name.endswith(_DATABASE)


def _copied(path: Path, copy: Path) -> bool:
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error:
        return False
    return True


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What the system says of a file; what was written into a database last may still be in its log."""
    stamp = file_stamp(path)
    if stamp is None or not is_database(path):
        return stamp
    return stamp + (file_stamp(path.with_name(f"{path.name}{_LOG}")) or ())


def _glance(folder: Path) -> Stamps:
    files = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith(TEMPORARY)]
        for name in names:
            path = Path(place, name)
            stamp = _stamp(path)
            if stamp is not None and not stays_here(name):
                files[path.relative_to(folder).as_posix()] = stamp
    return dict(sorted(files.items()))


def _same_or_grown(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return first == second or (first[2] == second[2] and first[0] < second[0])
