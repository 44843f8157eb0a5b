"""Reading a text file line by line with its exact place, to say where it is broken.

The fast readers know only that a file is bad. This slow one finds the line; it runs when something is wrong,
and over the head of a file to see what it holds.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from hardneg.bounds import RATIO, most_bytes
from hardneg.errors import DatasetError

Record = dict[str, Any]
# The first half of a character beyond the plane that is not followed by the second one.
_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?=.{6})(?!\\u[dD][c-fC-F])", re.DOTALL)
_PAIR = 12  # bytes of both halves
_MARK = b"\xef\xbb\xbf"
_MOST, _CHUNK = 1_032, 2**20  # times its size, which is the most that deflate can; bytes
_HEAD = 2**26  # bytes of lines that are looked at as the first ones
LFS_POINTER = b"version https://git-lfs"
LFS_ADVICE = "a Git LFS pointer and not the file itself; fetch it with `git lfs pull`"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking it if its name ends in `.gz`."""
    return open_packed(path) if path.suffix.lower() == ".gz" else path.open("rb")


def open_packed(path: Path) -> IO[bytes]:
    """Open a gzipped file; one that unpacks to far more than texts do is refused before it is read."""
    state = path.stat()
    unpacks_to = (
        None if state.st_size * _MOST < most_bytes(state.st_size) else _unpacked(path, state.st_size, state.st_mtime_ns)
    )
    if unpacks_to is not None:
        raise DatasetError(
            f"unpacks to more than {unpacks_to:,} bytes, {RATIO} times its size, so it would fill memory; if that is "
            "meant, unpack it and name the file that comes of it",
            path=path,
        )
    return cast("IO[bytes]", gzip.open(path))


@lru_cache(maxsize=64)
def _unpacked(path: Path, size: int, changed: int) -> int | None:  # noqa: ARG001 - a changed file is looked at anew
    """Give how far a file was unpacked when it was too much; None if it is not. Nothing of it is kept."""
    total, limit = 0, most_bytes(size)
    with path.open("rb") as file, suppress(zlib.error):  # what is damaged is told by who reads it
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        while packed := file.read(_CHUNK):
            while packed:
                total += len(unpacker.decompress(packed, _CHUNK))
                if total > limit:
                    return total
                packed = unpacker.unconsumed_tail
                if unpacker.eof:  # one more member may follow
                    packed = unpacker.unused_data
                    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    return None


def numbered_lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Go through the lines that are not blank."""
    number, offset = 0, 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(file, start=1):
                if number == 1 and line.startswith(LFS_POINTER):
                    raise DatasetError(LFS_ADVICE, path=path, line=1)
                text = line.removeprefix(_MARK) if number == 1 else line
                if text.strip():
                    yield number, offset + len(line) - len(text), text
                offset += len(line)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"damaged gzip file ({error}); make it anew", path=path, line=number + 1) from error
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror or error}", path=path) from error


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """Read a file, unpacked if it is gzipped, whatever its name says."""
    try:
        with open_bytes(path) as file:
            raw = file.read(limit)
        if raw.startswith(b"\x1f\x8b"):
            with open_packed(path) as file:
                raw = file.read(limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"damaged gzip file ({error}); make it anew", path=path) from error
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror or error}", path=path) from error
    if raw.startswith(b"PK\x03\x04"):
        raise DatasetError("is a zip archive (or an Excel file); unpack it, or save the table as CSV", path=path)
    return raw


def begins_with_mark(path: Path) -> bool:
    """Tell whether a file begins with a byte order mark."""
    with open_bytes(path) as file:
        return file.read(len(_MARK)) == _MARK


def encoding_problem(line: bytes, offset: int) -> str | None:
    """Say where a line is not UTF-8; None if it is."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        at = offset + error.start
        return f"not UTF-8: byte 0x{line[error.start]:02x} at byte offset {at}; convert the file to UTF-8"
    return None


def may_have_half_characters(path: Path) -> bool:
    r"""Tell whether JSON may write half of a character, as `\ud800` alone; fast readers make a zero of it.

    So it is of a damaged file: who goes through it line by line says where.
    """
    before = b""
    with suppress(gzip.BadGzipFile, EOFError, zlib.error), open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            seen = before + chunk
            if _has_halves(seen) and _HALF.search(seen):
                return True
            before = seen[-_PAIR:]
        return _HALF.search(before + bytes(_PAIR)) is not None
    return True


def _has_halves(content: bytes) -> bool:
    return b"\\ud" in content or b"\\uD" in content


def half_character(content: bytes, value: object) -> str | None:
    """Say that a value, read from this JSON, has half of a character in it; None if it has not."""
    if _has_halves(content):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])[1:-1]
            return f"broken JSON: half of a character, {half} without its other half"
    return None


def parse_record(line: bytes) -> Record | str:
    """Parse one JSON object; where that fails, say what is wrong instead."""
    try:
        record = json.loads(line.strip(), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"broken JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return f"broken JSON: {error}"
    if not isinstance(record, dict):
        return f"broken JSON: expected an object in braces, found {type(record).__name__}"
    return half_character(line, record) or record


def head_records(path: Path, limit: int = 1_000) -> list[Record | str]:
    """Parse the first lines of a JSON Lines file, fewer where they are long; for a broken one, say what is wrong."""
    head, n_bytes = [], 0
    for _, offset, line in islice(numbered_lines(path), limit):
        head.append(encoding_problem(line, offset) or parse_record(line))
        n_bytes += len(line)
        if n_bytes > _HEAD:
            break
    return head


def lines_of_id(path: Path, record_id: str) -> list[int]:
    """List the lines of a JSON Lines file whose `_id` is this one; none for files of other kinds."""
    if ".jsonl" not in path.suffixes:
        return []
    parsed = ((number, parse_record(line)) for number, _, line in numbered_lines(path))
    return [number for number, record in parsed if isinstance(record, dict) and str(record.get("_id")) == record_id]


def raise_encoding_error(path: Path) -> None:
    """Raise the error that names the first line that is not UTF-8; return if there is none."""
    for number, offset, line in numbered_lines(path):
        if problem := encoding_problem(line, offset):
            raise DatasetError(problem, path=path, line=number)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
