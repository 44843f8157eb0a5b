"""The figures of an audit, as ratios of sums over queries."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.audits.intervals import Interval, ratios
from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text
from hardneg.errors import RecipeError

# What is divided by what. Each is a column of `Outcome.queries`, or 1 a query.
MEASURES = {
    "contamination": ("hidden_selected", "selected"),
    "leakage": ("hidden_selected", "hidden"),
    "retrieved": ("hidden_retrieved", "hidden"),
    "coverage": ("full", "one"),
    "rank": ("rank_sum", "rank_n"),
    "score": ("score_sum", "score_n"),
    "relative": ("relative_sum", "relative_n"),
}
MEANING = {
    "contamination": "hidden answers among the negatives, of all negatives",
    "leakage": "hidden answers among the negatives, of all hidden",
    "retrieved": "hidden answers that some source found, of all hidden",
    "coverage": "queries that got their number of negatives",
    "rank": "mean retrieval rank of the other negatives",
    "score": "mean score of the other negatives",
    "relative": "mean score of the other negatives, as a share of the weakest known positive's",
}


def figures_of(queries: pl.DataFrame, *, seed: int) -> dict[str, Interval]:
    """Compute every measure from counts by query."""
    table = queries.with_columns(one=pl.lit(1))
    above, below = (
        table.select(pl.col(pair[side]).cast(pl.Float64).alias(name) for name, pair in MEASURES.items()).to_numpy()
        for side in (0, 1)
    )
    figures = ratios(above, below, cluster=table["cluster"].to_numpy(), seed=seed)
    named = dict(zip(MEASURES, figures, strict=True))
    return named | {"relative": replace(named["relative"], n=named["score"].n)}


def by_group(queries: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Compute contamination, leakage and coverage for each value of the column `group`.

    Within a group queries are drawn, so a group of few queries has a wide interval.
    """
    rows = []
    for (group,), part in queries.sort("group").group_by("group", maintain_order=True):
        figures = figures_of(part.with_columns(cluster="query"), seed=seed)
        row: dict[str, Any] = {"group": str(group), "queries": part["query"].n_unique()}
        for name in ("contamination", "leakage", "coverage"):
            row |= figures[name].columns(name)
        rows.append(row)
    return pl.DataFrame(rows)


def clusters(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], group: str | None
) -> tuple[Int64[np.ndarray, " rows"], pl.Series | None]:
    """Say which rows are drawn together in a bootstrap: queries of equal text, or of the same value of a group.

    A column of the documents gives a query the value of its first positive; without a value it is a group of its own.
    """
    texts = dataset.query_text_group.astype(np.int64)
    if group is None:
        return texts[query], None
    values = _values(dataset, group)
    codes = values.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    alone = codes == 0
    return np.where(alone, -1 - texts, codes)[query], values.gather(query)


def _values(dataset: Dataset, group: str) -> pl.Series:
    if group in dataset.queries.columns:
        return as_text(dataset.queries[group])
    if group not in dataset.documents.columns:
        columns = sorted({*dataset.queries.columns, *dataset.documents.columns} - {"id", "text", "title"})
        raise RecipeError(
            f"neither queries nor documents of {dataset.name} have a column {group!r}; "
            f"they have: {', '.join(columns) or 'no metadata'}"
        )
    query, document = np.divmod(dataset.positives.keys, dataset.n_documents)
    owner, first = np.unique(query, return_index=True)
    first_positive = np.full(dataset.n_queries, -1)
    first_positive[owner] = document[first]
    return as_text(dataset.documents[group]).gather(pl.Series(first_positive).replace(-1, None))
