"""Metadata of a record: each key becomes a column."""

from collections.abc import Collection

import polars as pl

from hardneg.errors import DatasetError


def expand_metadata(table: pl.DataFrame, *, taken: Collection[str] = ("id", "text", "title")) -> pl.DataFrame:
    """Replace the column `metadata`, objects, by a column for each of their keys.

    Lists and deeper objects stay what they are. A key that is already a column is named `metadata.KEY`. Where
    the values are no objects, the column stays.
    """
    if not isinstance(table.schema.get("metadata"), pl.Struct):
        return table
    columns = table["metadata"].struct.unnest() if table.schema["metadata"].fields else pl.DataFrame()  # type: ignore[attr-defined]
    rest = table.drop("metadata")
    clash = {*taken, *rest.columns}
    return rest.hstack(
        [column.alias(f"metadata.{column.name}" if column.name in clash else column.name) for column in columns]
    )


def settled(table: pl.DataFrame) -> pl.DataFrame:
    """Give columns of which only nulls are known a type that every file format can keep."""
    return table.with_columns(
        pl.col(name).cast(pl.List(pl.String) if isinstance(kind, pl.List) else pl.String)
        for name, kind in table.schema.items()
        if kind == pl.Null or kind == pl.List(pl.Null)
    ).select(name for name, kind in table.schema.items() if not (isinstance(kind, pl.Struct) and not kind.fields))


def as_text(values: pl.Series) -> pl.Series:
    """Give the values of a metadata column as text, nulls as nulls; a DatasetError refuses lists and objects."""
    if values.dtype.is_nested():
        raise DatasetError(f"the column {values.name!r} holds lists or objects; name one of plain values")
    return values.cast(pl.String)
