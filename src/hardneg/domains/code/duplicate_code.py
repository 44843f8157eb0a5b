"""Code that is one of the positives again, under other names."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.metadata import as_text, columns_digest, required_column
from hardneg.errors import RecipeError


@dataclass(frozen=True)
class DuplicateCode:
    """Refuse code that does what one of the query's positives does: a clone, or a trivial override of it.

    Nobody labels them, and they are what is most like the positive. A clone has the positive's value in a column that
    is equal for code of the same syntax tree. An override bears the positive's name, and one of the two is trivial: it
    only calls the other, or stands for it. A document without a value is no clone of any.

    Args:
        column: Metadata column of the documents that is equal for clones.
        trivial: Column of truth values that tells whether code does nothing of its own; None looks for clones alone.
        symbol: Column of the name that an override shares.

    Raises:
        RecipeError: A name of a column is empty.

    References:
        Roy, Cordy and Koschke (2009), "Comparison and evaluation of code clone detection techniques": clones of type 2.
    """

    column: str = "ast_hash"
    trivial: str | None = "trivial"
    symbol: str = "symbol"

    name: ClassVar[str] = "duplicate_code"
    exempts_judged: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if "" in (self.column, self.trivial, self.symbol):
            raise RecipeError("duplicate_code: a column has no name; leave the key out, or name a metadata column")

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the columns, which are no part of a dataset's fingerprint.

        Args:
            dataset: What is mined.

        Returns:
            The hash.

        Raises:
            RecipeError: The documents have no such column.
            DatasetError: A column holds lists or objects, or `trivial` something other than truth values.
        """
        needed = {"column": self.column} | ({"trivial": self.trivial, "symbol": self.symbol} if self.trivial else {})
        for key, column in needed.items():
            required_column(dataset, column, asked_by=f"duplicate_code: {key}", plain=True, allow_missing=True)
        if self.trivial and dataset.documents[self.trivial].dtype != pl.Boolean:
            dtype = dataset.documents[self.trivial].dtype
            raise RecipeError(f"duplicate_code: trivial names {self.trivial!r}, which holds {dtype}, not truth values")
        return columns_digest(dataset.documents, tuple(needed.values()))

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep the rows whose code is neither a clone nor an override of one of their query's positives."""
        lookup = _known(dataset, self)
        query = dataset.query_text_group[candidates["query"].to_numpy()]
        document = candidates["document"].to_numpy()
        refused = _has(lookup.clones, query, lookup.code[document])
        if self.trivial:
            name, trivial = lookup.symbol[document], lookup.trivial[document]
            refused |= trivial & _has(lookup.names, query, name)
            refused |= _has(lookup.trivial_names, query, name)
        return ~refused


@dataclass(frozen=True, eq=False)
class _Known:
    """What the labels say of code: values as numbers, -1 where there is none, and those of each query's positives."""

    code: Int64[np.ndarray, " documents"]
    symbol: Int64[np.ndarray, " documents"]
    trivial: Bool[np.ndarray, " documents"]
    clones: PairSet
    names: PairSet
    trivial_names: PairSet


@lru_cache(maxsize=2)
def _known(dataset: Dataset, filter_: DuplicateCode) -> _Known:
    filter_.metadata_digest(dataset)
    documents = dataset.documents
    code = _numbers(documents[filter_.column])
    nothing = np.full(len(code), -1, dtype=np.int64)
    symbol = _numbers(documents[filter_.symbol]) if filter_.trivial else nothing
    trivial = documents[filter_.trivial].fill_null(value=False).to_numpy() if filter_.trivial else nothing > 0
    query, document = np.divmod(dataset.positives.keys, dataset.n_documents)
    query = dataset.query_text_group[query]
    return _Known(
        code,
        symbol,
        trivial,
        _pairs(query, code[document]),
        _pairs(query, symbol[document]),
        _pairs(query[trivial[document]], symbol[document[trivial[document]]]),
    )


def _numbers(values: pl.Series) -> Int64[np.ndarray, " documents"]:
    texts = as_text(values).replace("", None)
    return (texts.rank("dense").cast(pl.Int64) - 1).fill_null(-1).to_numpy()


def _pairs(query: np.ndarray, value: np.ndarray) -> PairSet:
    some = value >= 0
    return PairSet.build(query[some], value[some], width=int(value.max(initial=0)) + 1)


def _has(pairs: PairSet, query: np.ndarray, value: np.ndarray) -> Bool[np.ndarray, " rows"]:
    inside = (value >= 0) & (value < pairs.width)
    return inside & pairs.contains(query, np.where(inside, value, 0))
