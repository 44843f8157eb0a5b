"""Which queries, or documents, must not be parted when a dataset is dealt to splits."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, Integer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardneg.data.dataset import Dataset
from hardneg.data.resemblance import LIKE_DOCUMENTS, LIKE_QUERIES, Likeness, near_pairs
from hardneg.errors import DatasetError


def tied_queries(dataset: Dataset, positives: pl.DataFrame | None) -> Int32[np.ndarray, " queries"]:
    """Number the queries so that those of equal or nearly equal text, or with a positive in common, share a number."""
    groups = near_groups(dataset.query_texts, dataset.query_text_group, LIKE_QUERIES)
    if positives is None:
        return groups
    query, document = positives["query"].to_numpy(), dataset.text_group[positives["document"].to_numpy()]
    return joined([groups], [(query, document)])


def tied_documents(dataset: Dataset, document: Integer[np.ndarray, " documents"]) -> Int32[np.ndarray, " all"]:
    """Number the documents so that those of equal text share a number, and of some of them those nearly equal too."""
    few = np.unique(document)
    near = near_groups(dataset.document_texts.gather(few), dataset.text_group[few], LIKE_DOCUMENTS)
    return joined([dataset.text_group], [(few, near)])


def near_groups(
    texts: pl.Series, group: Integer[np.ndarray, " texts"], likeness: Likeness
) -> Int32[np.ndarray, " texts"]:
    """Number texts so that equal and nearly equal ones share a number."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    pairs = near_pairs(texts.gather(first), likeness)
    n = len(first)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(links, directed=False)[1][place].astype(np.int32)


def by_values(table: pl.DataFrame, column: str, *, equal: Integer[np.ndarray, " rows"]) -> Int32[np.ndarray, " rows"]:
    """Number rows so that those of one value, or of one `equal` number, share a number; null is nobody's value."""
    value = table.select(pl.col(column).cast(pl.String).rank("dense")).to_series()
    rows = np.flatnonzero(value.is_not_null().to_numpy())
    return joined([equal], [(rows, value.drop_nulls().to_numpy().astype(np.int64))])


def joined(
    groups: Sequence[Integer[np.ndarray, " rows"]],
    links: Sequence[tuple[Integer[np.ndarray, " links"], Integer[np.ndarray, " links"]]],
) -> Int32[np.ndarray, " rows"]:
    """Number rows so that all that hang together share a number."""
    n = len(groups[0])
    kinds = [(np.arange(n), group) for group in groups] + list(links)
    rows, columns, width = [], [], n
    for row, shared in kinds:
        rows.append(np.asarray(row, dtype=np.int64))
        columns.append(np.asarray(shared, dtype=np.int64) + width)
        width += int(np.max(shared, initial=-1)) + 1
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row)), (row, column)), shape=(width, width))
    return connected_components(graph, directed=False)[1][:n].astype(np.int32)


def times(table: pl.DataFrame, column: str, rows: Integer[np.ndarray, " some"]) -> Int64[np.ndarray, " rows"]:
    """Rank rows by a column of times, equal ones alike, the newest highest."""
    values = table[column]
    if values.dtype == pl.String:
        readings = [values.cast(pl.Float64, strict=False), _parsed(values.str.to_datetime), _parsed(values.str.to_date)]
        values = min((each for each in readings if each is not None), key=pl.Series.null_count)
    elif not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        raise DatasetError(f"the column {column!r} holds {values.dtype}, not times; name another with --time")
    ranks = values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    without = rows[ranks[rows] < 0]
    if len(without):
        at = int(without[0])
        raise DatasetError(
            f"{table['id'][at]!r} has the {column!r} {table[column][at]!r}, which is no time; give numbers, dates or "
            "ISO times to each, or split in another way"
        )
    return ranks


def _parsed(parse: Callable[..., pl.Series]) -> pl.Series | None:
    try:
        return parse(strict=False)
    except pl.exceptions.PolarsError:  # not one value from which a form could be guessed
        return None
