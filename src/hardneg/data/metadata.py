"""Metadata of a record: each key becomes a column."""

import difflib
from collections.abc import Sequence

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.text import digest
from hardneg.errors import DatasetError, RecipeError

_FIXED = ("id", "text", "title")  # of documents; not metadata
_SHOWN = 3


def expand_metadata(table: pl.DataFrame) -> pl.DataFrame:
    """Replace the column `metadata`, objects, by a column for each of their keys.

    Lists and deeper objects stay what they are. A key that is already a column is named `metadata.KEY`. Where
    the values are no objects, the column stays.
    """
    if not isinstance(table.schema.get("metadata"), pl.Struct):
        return table
    columns = table["metadata"].struct.unnest() if table.schema["metadata"].fields else pl.DataFrame()  # type: ignore[attr-defined]
    rest = table.drop("metadata")
    clash = {*_FIXED, *rest.columns}
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


def value_lists(values: pl.Series) -> pl.Series:
    """Give the distinct values of a metadata column as lists of texts, in order; nulls and empty texts are left out."""
    name, kind = values.name, values.dtype
    if isinstance(kind, pl.List | pl.Array) and not kind.inner.is_nested():
        texts = values.cast(pl.List(kind.inner)).cast(pl.List(pl.String))
    else:
        texts = as_text(values).to_frame(name).select(pl.concat_list(name))[name]
    kept = texts.fill_null([]).list.eval(pl.element().filter(pl.element().is_not_null() & (pl.element() != "")))
    return kept.list.unique().list.sort().alias(name)


def required_column(dataset: Dataset, column: str, *, asked_by: str, plain: bool, allow_missing: bool) -> None:
    """Make sure that a metadata column of the documents can be used."""
    documents = dataset.documents
    if column not in documents.columns or column in _FIXED:
        columns = [name for name in documents.columns if name not in _FIXED]
        near = difflib.get_close_matches(column, columns, n=1)
        hint = f"did you mean {near[0]!r}? They have: " if near else "they have: "
        raise RecipeError(
            f"{asked_by} names the column {column!r}, which the documents of {dataset.name} do not have; "
            f"{hint}{', '.join(columns) or 'no metadata'}"
        )
    values, kind = documents[column], documents[column].dtype
    is_list = isinstance(kind, pl.List | pl.Array) and not kind.inner.is_nested()
    if kind.is_nested() and (plain or not is_list):
        wanted = "plain values" if plain else "plain values or lists of them"
        raise DatasetError(f"{asked_by} names the column {column!r}, which holds {kind}; name one of {wanted}")
    lacking = values.is_null() if is_list else values.is_null() | (as_text(values) == "")
    ids = documents["id"].filter(lacking.fill_null(value=True))
    if len(ids) and not allow_missing:
        first = ", ".join(map(repr, ids.head(_SHOWN).to_list()))
        raise DatasetError(
            f"{asked_by}: {len(ids):,} of {documents.height:,} documents of {dataset.name} have no {column!r}, "
            f"the first: {first}; fill it in, or set allow_missing = true, which leaves them out"
        )


def columns_digest(table: pl.DataFrame, columns: Sequence[str]) -> str:
    """Hash the values of metadata columns, which are no part of a dataset's fingerprint."""
    state = [digest(pl.Series(columns))]
    for name in columns:
        values = table[name]
        texts = value_lists(values).list.join("\x1f") if values.dtype.is_nested() else as_text(values)
        state.append(digest(pl.Series([str(values.dtype)])) + digest(texts.fill_null("\0")))
    return digest(pl.Series(state))
