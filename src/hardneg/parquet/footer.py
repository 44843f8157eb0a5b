"""The footer of a Parquet file: its columns, and where in the file each stretch of them lies."""

from collections.abc import Iterator
from dataclasses import dataclass

from hardneg.bounds import MOST_COLUMNS
from hardneg.parquet.compact import Cursor, Unreadable

_DEEPEST = 64  # columns within columns
_BINARY, _STRUCT, _LIST = 8, 12, 9
_REPEATED, _FIXED_LENGTH = 2, 7
_LEAST = {0: 0, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 4}  # bytes of a value of each physical type; texts have a length


@dataclass(frozen=True)
class Leaf:
    """A column that has values."""

    least: int  # bytes that a value takes in a page
    is_fixed: bool  # whether all have this length, which the file names
    is_flat: bool  # whether it has exactly one a row


@dataclass(frozen=True)
class ColumnBytes:
    """The values of one column in one group of rows."""

    codec: int
    n_values: int
    start: int
    size: int


@dataclass(frozen=True)
class RowGroup:
    """Rows whose columns lie together."""

    n_rows: int
    chunks: tuple[ColumnBytes, ...]


class Footer:
    """What a footer says, read as it is asked for, so that little of it is in memory.

    References:
        Apache Parquet, "parquet.thrift", the struct FileMetaData.
    """

    def __init__(self, data: bytes) -> None:
        self.leaves: tuple[Leaf, ...] = ()
        self.n_rows = -1
        self._data, self._groups = data, -1
        cursor = Cursor(data)
        for number, kind in cursor.fields():
            if number == 2 and kind == _LIST:
                self.leaves = _leaves(cursor)
            elif number == 3:
                self.n_rows = cursor.integer()
            else:
                self._groups = cursor.at if number == 4 and kind == _LIST else self._groups
                cursor.skip(kind)
        if self.n_rows < 0 or self._groups < 0:
            raise Unreadable("it says of no rows where they are")

    def groups(self) -> Iterator[RowGroup]:
        """Go through the groups of rows."""
        cursor = Cursor(self._data, self._groups)
        for _ in cursor.items():
            yield _group(cursor)


def _leaves(cursor: Cursor) -> tuple[Leaf, ...]:
    """Read the columns: a tree, each inner node before its children."""
    leaves: list[Leaf] = []
    open_nodes: list[tuple[int, bool]] = []  # children that are to come, and whether something above repeats
    for at in cursor.items():
        node, _ = cursor.numbers()
        repeats = node.get(3) == _REPEATED or bool(open_nodes and open_nodes[-1][1])
        if at and not open_nodes:
            raise Unreadable("a column belongs to no other")
        if at:
            open_nodes[-1] = (open_nodes[-1][0] - 1, open_nodes[-1][1])
        n_children = node.get(5, 0)
        if n_children or not at:
            open_nodes.append((n_children, repeats and at > 0))
        else:
            leaves.append(_leaf(node, repeats=repeats))
        while open_nodes and open_nodes[-1][0] == 0:
            open_nodes.pop()
        if len(open_nodes) > _DEEPEST or len(leaves) > MOST_COLUMNS or n_children < 0:
            what = f"more than {MOST_COLUMNS:,} columns" if len(leaves) > MOST_COLUMNS else "columns nested too deeply"
            raise Unreadable(f"it has {what}")
    if open_nodes:
        raise Unreadable("it says of more columns than it lists")
    return tuple(leaves)


def _leaf(node: dict[int, int], *, repeats: bool) -> Leaf:
    kind = node.get(1, -1)
    is_fixed = kind == _FIXED_LENGTH
    least = node.get(2, -1) if is_fixed else _LEAST.get(kind, -1)
    if least < 0:
        raise Unreadable("a column is of an unknown type")
    return Leaf(least, is_fixed=is_fixed, is_flat=not repeats)


def _group(cursor: Cursor) -> RowGroup:
    n_rows, chunks = -1, []
    for number, kind in cursor.fields():
        if number == 1 and kind == _LIST:
            chunks = [_chunk(cursor) for _ in cursor.items()]
        elif number == 3:
            n_rows = cursor.integer()
        else:
            cursor.skip(kind)
    return RowGroup(n_rows, tuple(chunks))


def _chunk(cursor: Cursor) -> ColumnBytes:
    chunk = None
    for number, kind in cursor.fields():
        if number == 1 and kind == _BINARY:
            raise Unreadable("a column lies in another file")
        if number == 3 and kind == _STRUCT:
            values, _ = cursor.numbers()
            start, dictionary = values.get(9, 0), values.get(11, 0)
            if dictionary > start:
                raise Unreadable("a dictionary stands behind its pages")
            chunk = ColumnBytes(
                values.get(4, -1), values.get(5, -1), dictionary if dictionary > 0 else start, values.get(7, -1)
            )
        else:
            cursor.skip(kind)
    if chunk is None:
        raise Unreadable("it does not say where a column lies")
    return chunk
