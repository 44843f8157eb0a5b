"""A folder of Parquet files that are one table, as Spark, Ray Data and Dask write it."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.readers.records import read_records_table
from hardneg.data.readers.table import Table, read_parquet
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError


def is_parts(folder: Path) -> bool:
    """Tell whether all that a folder shows are Parquet files; marks such as `_SUCCESS` are no part of a table."""
    shown = _shown(folder)
    return bool(shown) and all(path.suffix == ".parquet" and path.is_file() for path in shown)


def read_parts(folder: Path, *, rejections: Rejections, layout: Layout = NOTHING_SAID) -> Dataset:
    """Read the files as one table of records, in the order of their names."""
    tables = [read_parquet(path) for path in _shown(folder)]
    try:
        frame = pl.concat(tables, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DatasetError(
            f"its Parquet files are no one table, since their columns differ ({str(error).splitlines()[0]}); name one "
            "of the files, or write them with the same columns",
            path=folder,
        ) from None
    return read_records_table(Table(frame, folder, "folder of Parquet files"), layout=layout, rejections=rejections)


def _shown(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
