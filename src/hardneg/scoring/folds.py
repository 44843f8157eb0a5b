"""Which fold a query belongs to, so that no model ever scores a query that it was trained on.

Folds go by text: queries of equal normalised text are one query, and with a group column (a conversation, a source
file, …) all queries of a group stay together too. What was decided is recorded in a table, and the table is what is
asked later: a query that another dataset brings counts as seen if its text or its group was seen.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text
from hardneg.data.text import normalised
from hardneg.errors import DatasetError, RunError
from hardneg.randomness import uniform

UNSEEN = -1
RECORD, FOLDS = "teacher.json", "folds.parquet"  # of a teacher's folder
_FOLD = 51  # sets these draws apart from others of the same seed


def text_keys(texts: pl.Series) -> Int64[np.ndarray, " texts"]:
    """Hash normalised texts to 64 bits; equal texts have equal keys in any dataset."""
    folded = pl.DataFrame({"text": texts}).select(normalised(pl.col("text").fill_null("")))["text"]
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in folded)
    return np.frombuffer(digests, "<i8").astype(np.int64)


def assign_folds(
    dataset: Dataset, n_folds: int, *, seed: int, group: str | None = None
) -> Int32[np.ndarray, " queries"]:
    """Deal all queries of a dataset to folds, by a hash of their text.

    Without a group column a query's fold depends on its normalised text, the seed and the number of folds alone:
    not on the order of the queries, nor on the other queries. With one, queries that share a text or a group, also by
    way of others, stay together, and the smallest text hash among them decides.
    """
    keys = text_keys(dataset.query_texts)
    together = dataset.query_text_group if group is None else _connected(dataset, _groups(dataset, group))
    smallest = np.full(int(together.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(smallest, together, keys)
    return np.floor(uniform(seed, _FOLD, smallest[together]) * n_folds).astype(np.int32)


@dataclass(frozen=True, eq=False)
class FoldTable:
    """The folds of the queries that some models were trained on."""

    rows: pl.DataFrame  # `text`, the key of a normalised text; `group`, null for none; `fold`
    group: str | None = None

    @classmethod
    def of_rows(cls, rows: pl.DataFrame, group: str | None) -> "FoldTable":
        """Take rows that were read from a file; a ValueError says why they are none of folds."""
        kinds = {"text": pl.Int64, "group": pl.String, "fold": pl.Int32}
        if {name: rows.schema.get(name) for name in kinds} != kinds or (rows["fold"].fill_null(-1) < 0).any():
            raise ValueError(f"it has no folds of texts, but the columns {', '.join(rows.columns)}")
        return cls(rows, group)

    @classmethod
    def record(
        cls,
        dataset: Dataset,
        queries: Int32[np.ndarray, " queries"],
        fold: Int32[np.ndarray, " queries"],
        *,
        group: str | None = None,
    ) -> "FoldTable":
        """Write down the folds of some queries."""
        return cls(_keyed(dataset, queries, group).with_columns(fold=pl.Series(fold)).unique().sort(pl.all()), group)

    def of(self, dataset: Dataset, query: Rows) -> Rows:
        """Look up the fold of queries of any dataset; -1 where neither the text nor the group was seen."""
        distinct, row = np.unique(query, return_inverse=True)
        table = _keyed(dataset, distinct.astype(np.int32), self.group)
        for column in ("text", "group"):
            folds_by_key = self.rows.drop_nulls(column).select(column, pl.col("fold").alias(f"{column}_fold")).unique()
            table = table.join(folds_by_key, on=column, how="left", maintain_order="left")
        torn = (table["text_fold"] != table["group_fold"]).fill_null(False)
        if torn.any():
            position = int(distinct[int(torn.arg_max() or 0)])
            raise RunError(
                f"query {dataset.queries['id'][position]!r} of {dataset.name} has the text of one fold and the "
                f"{self.group} of another, so every model was trained on one of them; train the teacher on this dataset"
            )
        folds = table.select(pl.coalesce("text_fold", "group_fold").fill_null(UNSEEN).cast(pl.Int32)).to_series()
        return folds.to_numpy()[row]


def _keyed(dataset: Dataset, queries: Int32[np.ndarray, " queries"], group: str | None) -> pl.DataFrame:
    values = pl.Series([None] * len(queries), dtype=pl.String)
    if group is not None:
        values = _groups(dataset, group).gather(queries)
    return pl.DataFrame({"text": text_keys(dataset.query_texts.gather(queries)), "group": values})


def _groups(dataset: Dataset, group: str) -> pl.Series:
    if group not in dataset.queries.columns:
        columns = ", ".join(dataset.queries.columns)
        raise DatasetError(f"queries of {dataset.name} have no column {group!r} to group by; they have: {columns}")
    return as_text(dataset.queries[group])


def _connected(dataset: Dataset, groups: pl.Series) -> Int32[np.ndarray, " queries"]:
    """Number the sets of queries that hang together by text or group."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    text = dataset.query_text_group
    n_texts = int(text.max()) + 1
    number = groups.rank("dense").cast(pl.Int64)  # from 1; null stays null
    grouped = number.is_not_null().to_numpy()
    n_groups = int(number.max() or 0)  # type: ignore[arg-type]
    member = number.drop_nulls().to_numpy() - 1 + n_texts
    size = n_texts + n_groups
    edges = coo_array((np.ones(len(member), dtype=np.int8), (text[grouped], member)), shape=(size, size))
    return connected_components(edges, directed=False)[1][:n_texts].astype(np.int32)[text]
