"""Checksums: written down beside each file before it appears, and compared before it is read.

FOLDER/.checksums     a line for each time that a file of the folder was written: digest, size, kind, name, seal

A file is as it was written if any line since it last grew has its digest: the line is written first, so a writer that
is killed between the two leaves a line too many and never a file without one. Each line stands there twice and has a
seal, a digest of its own, so a damaged one counts as none. Files without a line, as those of earlier versions, are
taken as they are.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardneg.errors import DamagedError

SUMS = ".checksums"

_WHOLE, _GROWN = "whole", "grown"
_LINE = re.compile(
    r'(?P<text>(?P<digest>[0-9a-f]{32}) (?P<size>\d+) (?P<kind>whole|grown) (?P<name>"(?:[^"\\]|\\.)*")) '
    r"(?P<seal>[0-9a-f]{8})"
)
_CHUNK = 1 << 20
_SEAL = 8  # hexadecimal digits
_CARDS = (".md",)  # for people, who may write into them


@dataclass(frozen=True)
class WrittenFile:
    """What a file was when it was written."""

    name: str  # from the folder on
    digest: str
    size: int
    kind: str  # a whole file, or one that lines are added to

    def __str__(self) -> str:
        text = f"{self.digest} {self.size} {self.kind} {json.dumps(self.name)}"
        return f"{text} {_seal(text)}"

    @classmethod
    def parse(cls, text: str) -> "list[WrittenFile]":
        """Read all lines of a list that are whole, wherever they begin and end."""
        return [
            cls(json.loads(each["name"]), each["digest"], int(each["size"]), each["kind"])
            for each in _LINE.finditer(text)
            if _seal(each["text"]) == each["seal"]
        ]


@dataclass(frozen=True)
class Sums:
    """The lines of a folder."""

    lines: dict[str, tuple[WrittenFile, ...]]  # by name; those of before a file last grew are left out
    n_damaged: int = 0


_read: dict[Path, tuple[tuple[int, ...], Sums]] = {}
_intact: dict[Path, tuple[int, ...]] = {}  # files that were looked at, and what the system said of them then


def digest(path: Path, size: int | None = None) -> str:
    """Hash the bytes of a file, or its first ones."""
    state, left = hashlib.blake2b(digest_size=16), path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            state.update(chunk)
            left -= len(chunk)
    return state.hexdigest()


def digest_of(content: bytes) -> str:
    """Hash what a file holds, or would hold."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def note(path: Path, content: Path) -> None:
    """Write down the checksum of a file that is about to be put at `path`."""
    line = WrittenFile(path.name, digest(content), content.stat().st_size, _WHOLE)
    before = sums_of(path.parent).lines.get(path.name, ())
    if not before or (before[-1].digest, before[-1].kind) != (line.digest, _WHOLE):
        _add(path.parent, [line])


def note_grown(path: Path) -> None:
    """Write down the checksum of a file to which something was added; what is added later does not count."""
    if path.exists():
        size = path.stat().st_size
        _add(path.parent, [WrittenFile(path.name, digest(path, size), size, _GROWN)])


def note_tree(folder: Path) -> None:
    """Write down the checksums of all files in a folder and its folders, in place of what was written down there."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != SUMS)
    lines = [
        WrittenFile(file.relative_to(folder).as_posix(), digest(file), file.stat().st_size, _WHOLE) for file in files
    ]
    (folder / SUMS).write_text(_twice(lines), encoding="utf-8")


def sums_of(folder: Path) -> Sums:
    """Read the checksums of a folder; none if there are none."""
    path = folder / SUMS
    stamp = file_stamp(path)
    if stamp is None:
        return Sums({})
    before = _read.get(path)
    if before is None or before[0] != stamp:
        before = _read[path] = (stamp, _parsed(path.read_text(encoding="utf-8", errors="replace")))
    return before[1]


def is_damaged(path: Path) -> bool:
    """Say whether a file is there and is not what was written; looked at once a process, and again when it changes."""
    stamp = file_stamp(path)
    if stamp is None or _intact.get(path) == stamp:
        return False
    lines = sums_of(path.parent).lines.get(path.name, ())
    if lines and not any(_fits(path, line, stamp[0]) for line in lines):
        return True
    _intact[path] = stamp
    return False


def checked(path: Path, *, way_out: str = "") -> Path:
    """Give a path back if what is there is what was written; a DamagedError names it if not."""
    if is_damaged(path):
        raise DamagedError(path, way_out=way_out)
    return path


def damage_in(folder: Path) -> Iterator[Path]:
    """Yield the files that a folder lists and that are missing or are not what was written; cards are left out."""
    for name, lines in sums_of(folder).lines.items():
        path = folder / name
        stamp = file_stamp(path)
        if path.suffix in _CARDS or (stamp is not None and _intact.get(path) == stamp):
            continue
        if stamp is None or not any(_fits(path, line, stamp[0]) for line in lines):
            yield path
        else:
            _intact[path] = stamp


def _fits(path: Path, line: WrittenFile, size: int) -> bool:
    fits = size >= line.size if line.kind == _GROWN or path.suffix == ".jsonl" else size == line.size
    return fits and digest(path, line.size) == line.digest


def _add(folder: Path, lines: list[WrittenFile]) -> None:
    path, text = folder / SUMS, _twice(lines).encode()
    stamp, before = file_stamp(path), _read.pop(path, None)
    with path.open("ab") as file:
        text = text if not file.tell() or _ends_whole(path) else b"\n" + text  # a line that was cut stays alone
        file.write(text)
    after = file_stamp(path)
    if before and after and stamp == before[0] and after[0] == stamp[0] + len(text):  # nobody else wrote meanwhile
        _read[path] = (after, Sums(_with(before[1].lines, lines), before[1].n_damaged))


def _twice(lines: list[WrittenFile]) -> str:
    """Write each line twice, so that one damaged bit of the list accuses no file of being another."""
    return "".join(f"{line}\n{line}\n" for line in lines)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _parsed(text: str) -> Sums:
    whole = WrittenFile.parse(text)
    return Sums(_with({}, whole), max(0, sum(map(bool, text.split("\n"))) - len(whole)))


def _with(before: dict[str, tuple[WrittenFile, ...]], lines: list[WrittenFile]) -> dict[str, tuple[WrittenFile, ...]]:
    """Add lines to what was known before."""
    for line in lines:
        earlier = before.get(line.name, ())
        before[line.name] = (line,) if line.kind == _GROWN else (*(each for each in earlier if each != line), line)
    return before


def _seal(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=_SEAL // 2).hexdigest()


def file_stamp(path: Path) -> tuple[int, ...] | None:
    """What the system says of a file, which changes when the file does; None if it is not there."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns, state.st_ino
