"""Which documents share values, and how near they are to each other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32
from scipy import sparse

from hardneg.arrays import Rows
from hardneg.data.labels import PairSet
from hardneg.data.metadata import as_text, value_lists
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA

_ROWS = 2_000_000  # pairs of documents looked at at a time; some 200 MB


@dataclass(frozen=True, eq=False)
class SharedValues:
    """Documents by the values that they share."""

    values: sparse.csr_matrix  # one row a document, one column a value: 1 where the document has it
    order: Float64[np.ndarray, " documents"] | None  # where each document stands, NaN where unknown
    different: sparse.csr_matrix | None  # as `values`, for the column in which two documents must differ
    scores: bool  # whether how much is shared tells documents apart

    def parts(self, query: Int32[np.ndarray, " pairs"], positive: Int32[np.ndarray, " pairs"]) -> Iterator[slice]:
        """Cut pairs into parts of whole queries that fit the memory; a single query may be larger."""
        if len(query) == 0:
            return
        n_holders = np.asarray(self.values.sum(axis=0)).ravel()
        size = np.append(0.0, np.cumsum(self.values[positive] @ n_holders))
        ends = np.append(np.flatnonzero(np.diff(query)) + 1, len(query))
        start = 0
        while start < len(query):
            later = ends[ends > start]
            fitting = later[size[later] - size[start] <= _ROWS]
            end = int(fitting[-1]) if len(fitting) else int(later[0])
            yield slice(start, end)
            start = end

    def nearest(
        self,
        query: Int32[np.ndarray, " pairs"],
        positive: Int32[np.ndarray, " pairs"],
        answers: PairSet,
        depth: int,
    ) -> pl.DataFrame:
        """List the documents that are nearest to the positives of some queries."""
        shared = (self.values[positive] @ self.values.T).tocoo()
        pair, document = shared.row, shared.col.astype(np.int32)
        of, counts = positive[pair], np.asarray(self.values.sum(axis=1)).ravel()
        alike = shared.data / (counts[of] + counts[document] - shared.data)
        far = np.zeros(len(pair)) if self.order is None else np.abs(self.order[of] - self.order[document])
        keep = ~np.isnan(far) & ~answers.contains(query[pair], document) & self._differ(of, document)
        score = -far if self.order is not None else alike if self.scores else np.full(len(pair), np.nan)
        columns = {
            "query": query[pair],
            "document": document,
            "far": far,
            "unlike": -alike,
            "between": np.abs(of.astype(np.int64) - document),
            "score": score.astype(np.float32),
        }
        table = pl.DataFrame({name: values[keep] for name, values in columns.items()})
        ordered = table.sort("query", "far", "unlike", "between", "document")
        once = ordered.unique(["query", "document"], keep="first", maintain_order=True)
        ranked = once.with_columns(pl.col("score").fill_nan(None), rank=pl.int_range(1, pl.len() + 1).over("query"))
        chosen = ranked.filter(pl.col("rank") <= depth)
        return chosen.select(pl.col(name).cast(dtype) for name, dtype in RETRIEVAL_SCHEMA.items())

    def _differ(self, one: Rows, other: Rows) -> np.ndarray:
        if self.different is None or len(one) == 0:
            return np.ones(len(one), dtype=bool)
        has = np.asarray(self.different.sum(axis=1)).ravel() > 0
        common = np.asarray(self.different[one].multiply(self.different[other]).sum(axis=1)).ravel()
        return has[one] & has[other] & (common == 0)


def order_values(column: pl.Series, *, within: pl.Series) -> Float64[np.ndarray, " documents"]:
    """Turn a column into numbers whose differences say how far apart two documents are.

    >>> order_values(pl.Series(["2.10", "2.9", "1.1"]), within=pl.Series(["a", "a", "a"]))
    array([2., 1., 0.])
    """
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        number = column.cast(pl.Float64)
    elif column.dtype in (pl.Date, pl.Datetime):
        number = column.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 1e6
    elif column.dtype == pl.Duration:
        number = column.cast(pl.Duration("us")).to_physical().cast(pl.Float64) / 1e6
    elif column.dtype == pl.Time:
        number = column.to_physical().cast(pl.Float64) / 1e9
    else:
        return _places(as_text(column), within)
    values = number.fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _places(texts: pl.Series, within: pl.Series) -> Float64[np.ndarray, " documents"]:
    groups = [""] * len(texts) if within.dtype.is_nested() else as_text(within).fill_null("").to_list()
    keys = [(group, _natural(text), at) for at, (group, text) in enumerate(zip(groups, texts, strict=True)) if text]
    places = np.full(len(texts), np.nan)
    place, before = 0, None
    for group, key, at in sorted(keys):
        place += before is not None and before != (group, key)
        places[at], before = place, (group, key)
    return places


def _natural(text: str) -> tuple[str | int, ...]:
    """Split a text into other characters and numbers in turn, so that numbers compare by value."""
    return tuple(int(part) if number % 2 else part.lower() for number, part in enumerate(re.split(r"(\d+)", text)))


def incidence(column: pl.Series) -> sparse.csr_matrix:
    """Turn plain values or lists into a matrix: one row a document, one column a value, 1 where it has it."""
    lists = value_lists(column)
    rows = np.repeat(np.arange(len(lists)), lists.list.len().to_numpy())
    values = lists.explode(empty_as_null=False)
    codes = values.rank("dense").to_numpy().astype(np.int64) - 1
    shape = (len(lists), int(codes.max()) + 1 if len(codes) else 1)
    return sparse.csr_matrix((np.ones(len(codes)), (rows, codes)), shape=shape)
