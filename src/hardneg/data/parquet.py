"""Our own folder: queries.parquet, documents.parquet, qrels.parquet."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.rejections import Rejections
from hardneg.data.tables import assemble
from hardneg.errors import DatasetError


def is_parquet_folder(folder: Path) -> bool:
    """Tell whether a folder looks like one that `Dataset.write` made."""
    return (folder / "documents.parquet").is_file() or (folder / "queries.parquet").is_file()


def read_parquet_folder(folder: Path, *, rejections: Rejections) -> Dataset:
    """Read a folder of our own Parquet files.

    Args:
        folder: A folder that `Dataset.write` made, or one with the same three files and columns.
        rejections: What to do with a label that names an unknown id.

    Returns:
        The dataset, named like the folder.

    Raises:
        DatasetError: A file or column is missing, an id or text is null, or the files do not fit together.
    """
    names = {kind: folder / f"{kind}.parquet" for kind in ("qrels", "queries", "documents")}
    qrels = _read(names["qrels"], ("query_id", "doc_id", "relevance"))
    if "split" not in qrels.columns:
        qrels = qrels.with_columns(split=pl.lit("train"))
    for column, kind in (
        ("query_id", pl.String),
        ("doc_id", pl.String),
        ("relevance", pl.Int32),
        ("split", pl.String),
    ):
        qrels = _cast(qrels, column, kind, path=names["qrels"])
    tables = [
        _cast(_cast(_read(path, ("id", "text")), "id", pl.String, path=path), "text", pl.String, path=path)
        for path in (names["queries"], names["documents"])
    ]
    return assemble(
        tables[0],
        tables[1],
        [(names["qrels"], qrels)],
        paths=(names["queries"], names["documents"]),
        name=folder.resolve().name,
        rejections=rejections,
    )


def read_parquet(path: Path) -> pl.DataFrame:
    """Read one Parquet file.

    Args:
        path: The file.

    Returns:
        All its columns.

    Raises:
        DatasetError: It does not exist or is no Parquet file.
    """
    if not path.is_file():
        raise DatasetError("this file is missing", path=path)
    try:
        return pl.scan_parquet(path, glob=False).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"cannot be read as Parquet: {str(error).splitlines()[0]}", path=path) from error


def _read(path: Path, required: tuple[str, ...]) -> pl.DataFrame:
    table = read_parquet(path)
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise DatasetError(f"no column {missing[0]!r}; it has: {', '.join(table.columns)}", path=path)
    return table


def _cast(table: pl.DataFrame, column: str, kind: type[pl.DataType], *, path: Path) -> pl.DataFrame:
    """Bring a column to its type and refuse nulls in it."""
    try:
        cast = table.with_columns(pl.col(column).cast(kind))
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"column {column!r} does not fit {kind.__name__}: {error}", path=path) from error
    empty = cast[column].is_null()
    if empty.any():
        raise DatasetError(f"column {column!r} is null in row {(empty.arg_max() or 0) + 1}", path=path)
    return cast
