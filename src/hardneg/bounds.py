"""Bounds: how much a file may come to, by its size, before it is taken for one that was made to fill memory."""

MOST_COLUMNS = 10_000  # of a table of texts
RATIO = 100  # more than texts ever come to, times their size when packed
_UNPACKED = 2**29  # bytes; so many may be whatever they are
_CELLS, _CELLS_A_BYTE = 50_000_000, 20


def most_bytes(size: int) -> int:
    """Say how many bytes a file of this size may unpack to."""
    return max(_UNPACKED, RATIO * size)


def most_cells(size: int) -> int:
    """Say how many cells a table may have that is read from a file of this size."""
    return max(_CELLS, _CELLS_A_BYTE * size)
