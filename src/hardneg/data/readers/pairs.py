"""Pairs, triples, n-tuples, and pairs with labels: the layouts of plain columns."""

from collections.abc import Iterable

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.layout import Layout
from hardneg.data.readers.ids import as_ids
from hardneg.data.readers.pair_columns import PairColumns, find_pair_columns
from hardneg.data.readers.pool import Pool
from hardneg.data.readers.rows import LABELS, ROW, Records, records_dataset
from hardneg.data.readers.table import Table
from hardneg.data.readers.values import check_values, split_values
from hardneg.data.rejections import Rejections
from hardneg.data.relevance import describe, read_grades
from hardneg.errors import DatasetError


def default_names(n: int) -> list[str]:
    """Name the columns of a file of pairs without header, as MS MARCO's triples are written."""
    numbered = [f"negative_{number}" for number in range(1, n - 1)]
    return ["query", "positive", *(["negative"] if n == 3 else numbered)][:n]


def read_pairs(
    table: Table, *, layout: Layout, rejections: Rejections, pool: Pool | None = None, name: str | None = None
) -> Dataset:
    """Read pairs of a query and a text that answers it, or not.

    A negative becomes a label with relevance 0. A column of labels says of each pair how relevant it is.
    Further columns become metadata of the query, from its first row.
    """
    if table.frame.is_empty():
        raise DatasetError("no pairs in it", path=table.place)
    columns = find_pair_columns(table, layout)
    check_values(table, texts=(columns.query,), lists=(columns.positive, *columns.negatives))
    frame = table.frame.with_row_index(ROW)
    split = split_values(table, columns.split)
    queries = frame.select(
        ROW,
        query_id=as_ids(table.frame[columns.query_id], path=table.place)
        if columns.query_id
        else pl.lit(None, pl.String),
        query=pl.col(columns.query).cast(pl.String),
        split=split,
    )
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
    parts = [_texts(table, columns, columns.positive, relevance=1)]
    parts += [_texts(table, columns, name, relevance=0) for name in columns.negatives]
    return pl.concat(parts).sort(ROW, maintain_order=True)


def _texts(table: Table, columns: PairColumns, name: str, *, relevance: int) -> pl.DataFrame:
    """List the texts of one column, one a row, with their ids."""
    ids = dict(columns.doc_ids).get(name)
    values = _spread(table, [name, *([ids] if ids else [])])
    return values.select(
        ROW,
        doc_id=as_ids(values[ids], path=table.place) if ids else pl.lit(None, pl.String),
        title=pl.lit(None, pl.String),
        text=pl.lit(None, pl.String) if ids == name else pl.col(name).cast(pl.String),
        relevance=pl.lit(relevance, pl.Int32),
    ).cast(LABELS)  # type: ignore[arg-type]


def _labelled(
    table: Table, columns: PairColumns, layout: Layout, *, rejections: Rejections
) -> tuple[pl.DataFrame, str]:
    """List each document with its label; rows whose label cannot be read are refused."""
    label, ids = str(columns.label), dict(columns.doc_ids).get(columns.positive)
    values = _spread(table, [columns.positive, label, *([ids] if ids else [])])
    grades = read_grades(values[label], layout, name=f"{label!r}")
    for row, problem in values.select(ROW).with_columns(problem=grades.problems).drop_nulls().iter_rows():
        line = table.line_of(row)
        place = f" (row {row + 1})" if line is None else ""
        message = f"{problem}; or leave the column out with --ignore {label}{place}"
        rejections.reject("unreadable relevance", message, path=table.place, line=line)
    labels = values.select(
        ROW,
        doc_id=as_ids(values[ids], path=table.place) if ids else pl.lit(None, pl.String),
        title=pl.lit(None, pl.String),
        text=pl.lit(None, pl.String) if ids == columns.positive else pl.col(columns.positive).cast(pl.String),
        relevance=grades.values,
    ).cast(LABELS)  # type: ignore[arg-type]
    return labels.filter(pl.col("relevance").is_not_null()), describe(grades.values)


def _spread(table: Table, names: Iterable[str]) -> pl.DataFrame:
    """Put each item of lists that belong together on a row of its own; plain columns stay."""
    chosen = list(dict.fromkeys(names))
    frame = table.frame.with_row_index(ROW).select(ROW, *chosen)
    lists = [name for name in chosen if isinstance(frame.schema[name], pl.List)]
    if not lists:
        return frame
    if len(lists) < len(chosen):
        plain = next(name for name in chosen if name not in lists)
        raise DatasetError(
            f"{lists[0]!r} holds lists, and {plain!r} beside it does not; each text needs its own value",
            path=table.place,
        )
    lengths = [pl.col(name).list.len().fill_null(0) for name in lists]
    for other, length in zip(lists[1:], lengths[1:], strict=True):
        unequal = frame.filter(length != lengths[0])
        if unequal.height:
            row = int(unequal[ROW][0])
            raise DatasetError(
                f"{other!r} has another number of items than {lists[0]!r} (row {row + 1}); each text needs its own",
                path=table.place,
                line=table.line_of(row),
            )
    return frame.filter(lengths[0] > 0).explode(lists)


def _mapping(columns: PairColumns, pool: Pool | None, about: str | None) -> FieldMapping:
    ids = dict(columns.doc_ids)
    fields = [("query", repr(columns.query))]
    if columns.label:
        fields += [("document", repr(columns.positive)), ("relevance", f"{columns.label!r} ({about})")]
    else:
        fields += [("positive", repr(columns.positive))]
        fields += [("negative", ", ".join(map(repr, columns.negatives)))] if columns.negatives else []
    fields += [("split", repr(columns.split) if columns.split else "'train' for all, no column says otherwise")]
    fields += [("id of queries", repr(columns.query_id) if columns.query_id else "hash of the text")]
    fields += [("id of documents", ", ".join(map(repr, ids.values())) if ids else "hash of the text")]
    fields += [("metadata of queries", ", ".join(map(repr, columns.metadata)))] if columns.metadata else []
    fields += list(pool.fields) if pool else []
    return FieldMapping(columns.layout, tuple(fields), columns.ignored)
