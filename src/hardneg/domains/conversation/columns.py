"""The columns that place a query in its conversation."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text, columns_digest
from hardneg.errors import DatasetError, RecipeError

CONVERSATION, TURN = "conversation_id", "turn"
_SHOWN = 3


def conversation_digest(dataset: Dataset, *, asked_by: str) -> str:
    """Hash where each query stands in its conversation, which is no part of a dataset's fingerprint."""
    queries = dataset.queries
    for column in (CONVERSATION, TURN):
        if column not in queries.columns:
            columns = ", ".join(name for name in queries.columns if name not in ("id", "text")) or "no metadata"
            raise RecipeError(
                f"{asked_by} reads the column {column!r}, which the queries of {dataset.name} do not have; they have: "
                f"{columns}. `hardneg data conversations` makes it"
            )
        lacking = queries["id"].filter(queries[column].is_null())
        if len(lacking):
            first = ", ".join(map(repr, lacking.head(_SHOWN).to_list()))
            raise DatasetError(
                f"{asked_by}: {len(lacking):,} of {queries.height:,} queries of {dataset.name} have no {column!r}, the "
                f"first: {first}; fill it in: a single question is the first turn of a conversation of its own"
            )
    if not queries.schema[TURN].is_numeric():
        raise DatasetError(
            f"{asked_by}: the column {TURN!r} of {dataset.name} holds {queries.schema[TURN]}, not numbers"
        )
    return columns_digest(queries, (CONVERSATION, TURN))


def answers_of_other_turns(
    dataset: Dataset, block: Int32[np.ndarray, " queries"], *, later: bool, split: str | None = None
) -> pl.DataFrame:
    """List what answers the other turns of the queries' conversations."""
    turns = dataset.queries.select(
        as_text(dataset.queries[CONVERSATION]),
        pl.col(TURN).cast(pl.Int64),
        query=pl.int_range(pl.len(), dtype=pl.Int32),
    )
    distance = pl.col("other") - pl.col(TURN) if later else pl.col(TURN) - pl.col("other")
    is_label = pl.col("relevance") > 0 if split is None else (pl.col("relevance") > 0) & (pl.col("split") == split)
    others = turns.rename({"query": "other_query", TURN: "other"})
    return (
        turns[np.sort(block)]
        .join(others, on=CONVERSATION)
        .with_columns(distance=distance)
        .filter(pl.col("distance") > 0)
        .join(dataset.qrels.filter(is_label).select("document", other_query="query"), on="other_query")
        .sort("query", "distance", "document")
        .unique(["query", "document"], keep="first", maintain_order=True)
        .select("query", "document", "distance")
        .sort("query", "distance", "document")
    )
