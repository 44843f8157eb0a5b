"""A look at a Parquet file before it is read: each count and size that it names, against the bytes that are there.

Polars takes memory by what a file says of itself: where the counts of a damaged or hostile file are large, its
allocator ends the process, and no message can be given. What lies within the pages is checked by polars.
"""

import os
from functools import lru_cache
from pathlib import Path

from hardneg.bounds import RATIO, most_bytes, most_cells
from hardneg.checksums import file_stamp
from hardneg.parquet.compact import Cursor, Unreadable
from hardneg.parquet.footer import ColumnBytes, Footer, Leaf

_MARK, _ENCRYPTED = b"PAR1", b"PARE"
_TAIL = 8  # bytes: the length of the footer, and the mark
_PAGES = {0: 5, 2: 7, 3: 8}  # the field of a page's header that has its counts, by the kind of the page
_DATA, _DICTIONARY, _DATA_V2 = _PAGES
_HEADER = 512  # bytes in which most headers fit
_PLAIN = 0  # the codec of pages that are not packed


class ParquetProblem(Exception):  # noqa: N818 - callers make an error of their own of it
    """Why a Parquet file cannot be read, in a few words."""


def look_over(path: Path) -> None:
    """Hold what a file says of itself against its bytes; once a process, unless it changes.

    Args:
        path: The file.

    Raises:
        ParquetProblem: It is damaged, or would fill memory.

    References:
        Apache Parquet, "parquet.thrift": FileMetaData, ColumnMetaData and PageHeader.
    """
    stamp = file_stamp(path)
    problem = "it is missing" if stamp is None else _problem_of(path, stamp)
    if problem:
        raise ParquetProblem(problem)


@lru_cache(maxsize=65_536)
def _problem_of(path: Path, stamp: tuple[int, ...]) -> str | None:  # noqa: ARG001 - a changed file is looked at anew
    try:
        with path.open("rb") as file:
            _Look(file.fileno()).through()
    except Unreadable as error:
        return f"it is damaged or cut, {error}"
    except ParquetProblem as error:
        return str(error)
    except OSError as error:
        return str(error.strerror or error)
    return None


class _Look:
    """A look at one open file."""

    def __init__(self, handle: int) -> None:
        self._handle, self._size = handle, os.fstat(handle).st_size
        self._end = 0  # where the footer begins
        self._unpacked = 0

    def through(self) -> None:
        """Go through footer and pages."""
        footer, n_rows, cells = self._footer(), 0, 0
        for group in footer.groups():
            n_rows += group.n_rows
            if group.n_rows < 0 or len(group.chunks) != len(footer.leaves):
                raise Unreadable("a group of rows has other columns than the file")
            for leaf, chunk in zip(footer.leaves, group.chunks, strict=True):
                if chunk.n_values < group.n_rows or (leaf.is_flat and chunk.n_values != group.n_rows):
                    raise Unreadable(f"a column has {chunk.n_values:,} values where there are {group.n_rows:,} rows")
                cells += chunk.n_values
                if cells > most_cells(self._size):
                    raise ParquetProblem(f"it holds {cells:,} cells in few bytes, so it would fill memory")
                self._pages(chunk, leaf)
        if n_rows != footer.n_rows:
            raise Unreadable(f"it says of {footer.n_rows:,} rows and has {n_rows:,}")

    def _footer(self) -> Footer:
        head, tail = self._bytes(0, len(_MARK)), self._bytes(max(0, self._size - _TAIL), _TAIL)
        if _ENCRYPTED in (head, tail[4:]):
            raise ParquetProblem("it is encrypted; write it anew without")
        if head != _MARK or tail[4:] != _MARK:
            raise Unreadable(f"it does not {'begin' if head != _MARK else 'end'} as Parquet does")
        self._end = self._size - _TAIL - int.from_bytes(tail[:4], "little")
        if self._end < len(_MARK):
            raise Unreadable("its footer is longer than the file")
        return Footer(self._bytes(self._end, self._size - _TAIL - self._end))

    def _pages(self, chunk: ColumnBytes, leaf: Leaf) -> None:
        """Go from header to header through the pages of one column."""
        at, end, left = chunk.start, chunk.start + chunk.size, chunk.n_values
        if left and (at < len(_MARK) or chunk.size < 0 or end > self._end):
            raise Unreadable("a column lies outside of the file")
        self._unpack(leaf.least * left if leaf.is_fixed else 0)
        while left:
            page, at = self._header(at, end)
            at += page.packed
            if page.packed < 0 or page.unpacked < 0 or at > end:
                raise Unreadable("a page lies outside of its column")
            if chunk.codec == _PLAIN and page.packed != page.unpacked:
                raise Unreadable("a page is not as long as it says")
            self._unpack(page.unpacked)
            left -= page.n_data_values(leaf, left)

    def _header(self, at: int, end: int) -> tuple["_Page", int]:
        """Read the header of a page; gives where its bytes begin."""
        n = _HEADER
        while True:
            cursor = Cursor(self._bytes(at, min(n, end - at)))
            try:
                return _Page(cursor), at + cursor.at
            except Unreadable:
                if n >= end - at:
                    raise
                n *= 16

    def _unpack(self, n_bytes: int) -> None:
        self._unpacked += n_bytes
        if self._unpacked > most_bytes(self._size):
            raise ParquetProblem(
                f"it unpacks to {self._unpacked:,} bytes, {RATIO} times its size, so it would fill memory"
            )

    def _bytes(self, at: int, n: int) -> bytes:
        data = os.pread(self._handle, n, at)
        if len(data) < n:
            raise Unreadable("it ends too early")
        return data


class _Page:
    """What the header of a page says."""

    def __init__(self, cursor: Cursor) -> None:
        numbers, counts = cursor.numbers(within=_PAGES.values())
        self.kind, self.unpacked, self.packed = (numbers.get(each, -1) for each in (1, 2, 3))
        self._counts = counts.get(_PAGES.get(self.kind, 0), {})

    def n_data_values(self, leaf: Leaf, left: int) -> int:
        """Count the values of a column that stand in it, which can be no more than are to come."""
        n_values = self._counts.get(1, -1 if self.kind in _PAGES else 0)
        if self.kind == _DICTIONARY:
            if not 0 <= n_values * leaf.least <= self.unpacked:
                raise Unreadable(f"a page says of {n_values:,} values in {self.unpacked:,} bytes")
            return 0
        if not 0 <= n_values <= left:
            raise Unreadable(f"a page says of {n_values:,} values where {left:,} are to come")
        if self.kind == _DATA_V2:
            nulls, rows, levels = self._counts.get(2, -1), self._counts.get(3, -1), (5, 6)
            lengths = [self._counts.get(each, -1) for each in levels]
            fits = sum(lengths) <= min(self.packed, self.unpacked)
            if not (0 <= nulls <= n_values and 0 <= rows <= n_values and min(lengths) >= 0 and fits):
                raise Unreadable("the counts of a page contradict each other")
        return n_values
