"""A folder as it is at one moment, while others write there."""

import os
import time
from pathlib import Path

from hardneg.checksums import file_stamp
from hardneg.files import TEMPORARY
from hardneg.runs.lock import WRITER

Stamps = dict[str, tuple[int, ...]]  # what the system says of each file, by name

_LARGE = 1 << 26  # bytes
_OF_HERE = (WRITER, ".status.lock", ".lock")  # locks of this machine


def snapshot(folder: Path) -> Stamps:
    """List the files as they are at one moment: nothing changed between two looks but lines that were added."""
    while True:
        first, second = _glance(folder), _glance(folder)
        if first.keys() == second.keys() and all(_same_or_grown(first[name], second[name]) for name in first):
            return first
        time.sleep(0.05)


def stays_here(name: str) -> bool:
    """Say whether a file is a temporary one, or a lock, that means nothing elsewhere."""
    return name.endswith(TEMPORARY) or name in _OF_HERE or (name.startswith(".") and name.endswith(WRITER))


def held(path: Path, copy: Path, stamp: tuple[int, ...]) -> bool:
    """Take hold of what a file was when it was looked at; False if it is another by now.

    Of what has grown the first bytes are taken; a large file gets a second name, which stays when it is replaced.
    """
    copy.unlink(missing_ok=True)
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


def _glance(folder: Path) -> Stamps:
    files = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.endswith(TEMPORARY)]
        for name in names:
            path = Path(place, name)
            stamp = file_stamp(path)
            if stamp is not None and not stays_here(name):
                files[path.relative_to(folder).as_posix()] = stamp
    return dict(sorted(files.items()))


def _same_or_grown(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return first == second or (first[2] == second[2] and first[0] < second[0])
