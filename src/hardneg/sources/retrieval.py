"""The table that sources return, and whether a source returned one."""

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError

RETRIEVAL_SCHEMA = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}


def retrieval_table(
    query: Int32[np.ndarray, " queries"],
    found: Int32[np.ndarray, "queries depth"],
    score: Float32[np.ndarray, "queries depth"] | None = None,
) -> pl.DataFrame:
    """Turn a matrix of found documents into a table of rows."""
    order = np.argsort(query, kind="stable")
    query, found = query[order], found[order]
    row, place = np.nonzero(found >= 0)
    columns = {
        "query": query[row],
        "document": found[row, place],
        "rank": (place + 1).astype(np.int32),
        "score": None if score is None else score[order][row, place],
    }
    return pl.DataFrame(columns, schema=RETRIEVAL_SCHEMA)


def checked_retrieval(
    table: object, *, source: str, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int
) -> pl.DataFrame:
    """Make sure that a source, perhaps somebody's own, returned what `Source.retrieve` promises."""
    wanted = ", ".join(f"{name} {dtype}" for name, dtype in RETRIEVAL_SCHEMA.items())
    if not isinstance(table, pl.DataFrame):
        raise RecipeError(f"source {source!r} returned a {type(table).__name__}; return a DataFrame with {wanted}")
    if dict(table.schema) != RETRIEVAL_SCHEMA:
        found = ", ".join(f"{name} {dtype}" for name, dtype in table.schema.items())
        raise RecipeError(f"source {source!r} returned the columns {found}; return {wanted}")
    allowed = {
        "query": pl.col("query").is_in(block.tolist()),
        "document": pl.col("document").is_between(0, dataset.n_documents - 1),
        "rank": pl.col("rank").is_between(1, depth),
        "score": pl.col("score").is_null() | pl.col("score").is_finite(),
    }
    meaning = {
        "query": "is not one that was asked for",
        "document": f"is not a position in {dataset.name}, from 0 to {dataset.n_documents - 1}",
        "rank": f"is not from 1 to {depth}, the depth",
        "score": "is not a finite number; where there is none, give null",
    }
    for column, condition in allowed.items():
        wrong = table.filter(~condition.fill_null(False))[column]
        if len(wrong):
            raise RecipeError(f"source {source!r} returned the {column} {wrong[0]}, which {meaning[column]}")
    repeated = table.filter(pair(dataset).is_duplicated())
    if len(repeated):
        query, document = repeated.select("query", "document").row(0)
        raise RecipeError(f"source {source!r} returned document {document} more than once for query {query}")
    return table.select(list(RETRIEVAL_SCHEMA))


def pair(dataset: Dataset) -> pl.Expr:
    """Number the pairs of a query and a document in their order: one integer is compared faster than two columns."""
    return pl.col("query").cast(pl.Int64) * dataset.n_documents + pl.col("document")


def checked_name(name: str, *, kind: str) -> None:
    """Make sure that columns can be called after a source."""
    if not name.strip():
        raise RecipeError(f"{kind}: name is empty; leave it out for {kind!r}, or give another")
