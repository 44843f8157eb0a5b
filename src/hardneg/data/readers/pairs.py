"""Pairs, triples, n-tuples, and pairs with labels: the layouts of plain columns."""

from collections.abc import Callable, Iterable

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import Layout
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.pair_columns import PairColumns, find_pair_columns
from hardneg.data.readers.pool import DocumentPool
from hardneg.data.readers.rows import ROW, Records, common_fields, label_rows, query_rows, records_dataset
from hardneg.data.readers.table import Table
from hardneg.data.readers.values import check_values
from hardneg.data.rejections import Rejections
from hardneg.data.relevance import describe, read_grades


def default_names(n: int) -> list[str]:
    """Name the columns of a file of pairs without header, as MS MARCO's triples are written."""
    numbered = [f"negative_{number}" for number in range(1, n - 1)]
    return ["query", "positive", *(["negative"] if n == 3 else numbered)][:n]


def read_pairs(
    table: Table, *, layout: Layout, rejections: Rejections, pool: DocumentPool | None = None, name: str | None = None
) -> Dataset:
    """Read pairs of a query and a text that answers it, or not.

    A negative becomes a label with relevance 0. A column of labels says of each pair how relevant it is.
    Further columns become metadata of the query, from its first row.
    """
    if table.frame.is_empty():
        raise table.error("no pairs in it")
    columns = find_pair_columns(table, layout)
    check_values(table, texts=(columns.query,), lists=(columns.positive, *columns.negatives))
    queries = query_rows(table, columns.query, query_id=columns.query_id, split=columns.split)
    if columns.label:
        labels, about = _labelled(table, columns, layout, rejections=rejections)
        queries = queries.filter(pl.col(ROW).is_in(labels[ROW].unique().implode()))
    else:
        labels, about = _judged(table, columns), None
    return records_dataset(
        Records(queries, labels, columns.metadata, needs_positive=not columns.label),
        table=table,
        mapping=_mapping(columns, pool, about),
        rejections=rejections,
        pool=pool,
        name=name,
    )


def _judged(table: Table, columns: PairColumns) -> pl.DataFrame:
    """List the answers and the negatives of each record."""
    parts = [_texts(table, columns, columns.positive, 1)]
    parts += [_texts(table, columns, name, 0) for name in columns.negatives]
    return pl.concat(parts).sort(ROW, maintain_order=True)


def _labelled(
    table: Table, columns: PairColumns, layout: Layout, *, rejections: Rejections
) -> tuple[pl.DataFrame, str]:
    """List each document with its label; rows whose label cannot be read are refused."""
    label = str(columns.label)

    def grades_of(values: pl.DataFrame) -> pl.Series:
        grades = read_grades(values[label], layout, name=f"{label!r}")
        for row, problem in values.select(ROW).with_columns(problem=grades.problems).drop_nulls().iter_rows():
            place = f" (row {row + 1})" if table.line_of(row) is None else ""
            message = f"{problem}; or leave the column out with --ignore {label}{place}"
            table.reject(rejections, "unreadable relevance", message, row)
        return grades.values

    labels = _texts(table, columns, columns.positive, grades_of, label)
    return labels.filter(pl.col("relevance").is_not_null()), describe(labels["relevance"])


def _texts(
    table: Table, columns: PairColumns, name: str, relevance: int | Callable[[pl.DataFrame], pl.Series], *beside: str
) -> pl.DataFrame:
    """List the texts of one column, one a row, with their ids and their relevance."""
    ids = dict(columns.doc_ids).get(name)
    values = _spread(table, [name, *beside, *([ids] if ids else [])])
    return label_rows(
        values,
        relevance if isinstance(relevance, int) else relevance(values),
        doc_id=as_ids(values[ids], path=table.place) if ids else None,
        text=None if ids == name else values[name].cast(pl.String),
    )


def _spread(table: Table, names: Iterable[str]) -> pl.DataFrame:
    """Put each item of lists that belong together on a row of its own; plain columns stay."""
    chosen = list(dict.fromkeys(names))
    frame = table.frame.with_row_index(ROW).select(ROW, *chosen)
    lists = [name for name in chosen if isinstance(frame.schema[name], pl.List)]
    if not lists:
        return frame
    if len(lists) < len(chosen):
        plain = next(name for name in chosen if name not in lists)
        raise table.error(f"{lists[0]!r} holds lists, and {plain!r} beside it does not; each text needs its own value")
    lengths = [pl.col(name).list.len().fill_null(0) for name in lists]
    for other, length in zip(lists[1:], lengths[1:], strict=True):
        unequal = frame.filter(length != lengths[0])
        if unequal.height:
            row = int(unequal[ROW][0])
            raise table.error(
                f"{other!r} has another number of items than {lists[0]!r} (row {row + 1}); each text needs its own", row
            )
    return frame.filter(lengths[0] > 0).explode(lists)


def _mapping(columns: PairColumns, pool: DocumentPool | None, about: str | None) -> FieldMapping:
    ids = dict(columns.doc_ids)
    fields = [("query", repr(columns.query))]
    if columns.label:
        fields += [("document", repr(columns.positive)), ("relevance", f"{columns.label!r} ({about})")]
    else:
        fields += [("positive", repr(columns.positive))]
        fields += [("negative", ", ".join(map(repr, columns.negatives)))] if columns.negatives else []
    named = ", ".join(map(repr, ids.values())) if ids else "hash of the text"
    fields += common_fields(columns.query_id, named, columns.split, columns.metadata, pool)
    return FieldMapping(columns.layout, tuple(fields), columns.ignored)
