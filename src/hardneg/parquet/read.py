"""Reading Parquet files with polars, behind a look at what they say of themselves."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from polars import selectors

from hardneg.bounds import most_bytes
from hardneg.parquet.look import ParquetProblem, look_over


def read_parquet(path: Path, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Read one Parquet file.

    Args:
        path: The file; brackets and stars in its name mean themselves.
        columns: Those that are wanted; None for all.

    Returns:
        Its rows.

    Raises:
        ParquetProblem: It is damaged, or would fill memory.
    """
    look_over(path)
    with parquet_problems():
        table = pl.read_parquet(path, columns=None if columns is None else list(columns), glob=False)
    _check_texts(table, path)
    return table


def scan_parquet(paths: Iterable[Path]) -> pl.LazyFrame:
    """Open files that make one table without reading their rows; collect it inside `parquet_problems`.

    Args:
        paths: The files.

    Returns:
        The rows of all of them, in this order, still to be read.

    Raises:
        ParquetProblem: One of them is damaged, or would fill memory.
    """
    paths = list(paths)
    for path in paths:
        look_over(path)
    with parquet_problems():
        rows = pl.scan_parquet(paths, glob=False)
        rows.collect_schema()
    return rows


@contextmanager
def parquet_problems() -> Iterator[None]:
    """Turn what polars says of damage within pages into a ParquetProblem."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise ParquetProblem((str(error).splitlines() or ["damaged"])[0]) from error


def _check_texts(table: pl.DataFrame, path: Path) -> None:
    """Refuse texts that are many times as long as their file: said once, a long one may stand in any number of rows."""
    texts = table.select(selectors.string())
    lengths = texts.select(pl.all().str.len_bytes().cast(pl.UInt64).sum()).row(0) if texts.width else ()
    if sum(lengths) > most_bytes(path.stat().st_size):
        raise ParquetProblem(f"its texts come to {sum(lengths):,} bytes in few, so they would fill memory")
