"""Parquet files."""

from pathlib import Path

import polars as pl

from hardneg.data.lines import LFS_ADVICE, LFS_POINTER
from hardneg.errors import DatasetError


def is_parquet_folder(folder: Path) -> bool:
    """Tell whether a folder looks like one that `Dataset.write` made."""
    return (folder / "documents.parquet").is_file() or (folder / "queries.parquet").is_file()


def read_parquet(path: Path) -> pl.DataFrame:
    """Read one Parquet file."""
    if not path.is_file():
        raise DatasetError("this file is missing", path=path)
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise DatasetError(LFS_ADVICE, path=path)
    try:
        return pl.scan_parquet(path, glob=False).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0]
        raise DatasetError(f"cannot be read as Parquet: {reason}", path=path) from error
