"""Chats as ms-swift writes them: the query and each document is a list of messages."""

from dataclasses import replace

import polars as pl

from hardneg.data.layout import Layout
from hardneg.data.readers.rows import ROW
from hardneg.data.readers.table import Table

_QUERY, _POSITIVE, _NEGATIVE = "messages", "positive_messages", "negative_messages"


def has_messages(table: Table) -> bool:
    """Tell whether a table holds messages of ms-swift."""
    return {_QUERY, _POSITIVE} <= set(table.frame.columns)


def without_messages(table: Table, layout: Layout) -> tuple[Table, Layout]:
    """Replace messages by their texts, so that what is left are pairs."""
    frame = table.frame.with_columns(_asked(table).alias(_QUERY))
    documents = [name for name in (_POSITIVE, _NEGATIVE) if name in frame.columns]
    for name in documents:
        frame = frame.with_columns(_texts(table, name).alias(name))
    if documents == [_POSITIVE] and bool((frame[_POSITIVE].list.len() == 1).all()):  # a label may stand beside it
        frame = frame.with_columns(pl.col(_POSITIVE).list.first())
    negative = (_NEGATIVE,) if _NEGATIVE in documents else ()
    return replace(table, frame=frame), replace(layout, query=_QUERY, positive=_POSITIVE, negative=negative)


def _asked(table: Table) -> pl.Series:
    """Give what the user says in each record."""
    rows = _spoken(table, _QUERY).filter(pl.col("role") == "user")
    several = rows.filter(pl.col(ROW).is_duplicated())
    if several.height:
        row = int(several[ROW][0])
        raise table.error(
            "several turns of the user in 'messages'; `hardneg data conversations` builds a dataset of conversations",
            row,
        )
    every = pl.DataFrame({ROW: pl.int_range(table.frame.height, dtype=pl.UInt32, eager=True)})
    return every.join(rows, on=ROW, how="left", maintain_order="left")["content"]


def _texts(table: Table, column: str) -> pl.Series:
    """Give the texts of each record's documents as a list."""
    kind = table.frame.schema[column]
    inner = kind.inner if isinstance(kind, pl.List) else None
    is_empty = inner in (pl.String, pl.Null) or (isinstance(inner, pl.List) and inner.inner in (pl.String, pl.Null))
    if is_empty and table.frame[column].list.len().fill_null(0).sum() == 0:
        return pl.repeat([], table.frame.height, dtype=pl.List(pl.String), eager=True)
    if not isinstance(inner, pl.List):
        raise table.error(f"{column!r} holds {kind}; write a list of lists of messages, one list for each document")
    rows = _spoken(table, column, nested=True)
    texts = rows.group_by(ROW, "number", maintain_order=True).agg(pl.col("content").str.join("\n"))
    lists = texts.group_by(ROW, maintain_order=True).agg("content")
    every = pl.DataFrame({ROW: pl.int_range(table.frame.height, dtype=pl.UInt32, eager=True)})
    return every.join(lists, on=ROW, how="left", maintain_order="left")["content"].fill_null([])


def _spoken(table: Table, column: str, *, nested: bool = False) -> pl.DataFrame:
    """List all messages: record, number of the document, role and content."""
    rows = table.frame.with_row_index(ROW).select(ROW, message=column)
    rows = rows.filter(pl.col("message").list.len() > 0).explode("message").with_row_index("number")
    if nested:
        rows = rows.filter(pl.col("message").list.len() > 0).explode("message")
    kind = rows.schema["message"]
    names = [each.name for each in kind.fields] if isinstance(kind, pl.Struct) else []
    if not {"role", "content"} <= set(names):
        raise table.error(f"{column!r} holds {kind}, not messages with 'role' and 'content'")
    content = rows["message"].struct.field("content")
    if content.dtype.is_nested():
        raise table.error(
            f"the content of {column!r} holds {content.dtype}, not texts; write the text of each message as one text"
        )
    return rows.select(
        ROW,
        "number",
        role=pl.col("message").struct.field("role"),
        content=pl.col("message").struct.field("content").cast(pl.String),
    )
