"""The table that sources return, and whether a source returned one."""

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError

RETRIEVAL_SCHEMA = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}


def retrieval_table(
    query: Int32[np.ndarray, " queries"],
    document: Int32[np.ndarray, "queries depth"],
    score: Float32[np.ndarray, "queries depth"] | None = None,
) -> pl.DataFrame:
    """Turn a matrix of found documents into a table of rows; -1 stands where a query has no more."""
    order = np.argsort(query, kind="stable")
    query, document = query[order], document[order]
    row, place = np.nonzero(document >= 0)
    columns = {
        "query": query[row],
        "document": document[row, place],
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
        columns = ", ".join(f"{name} {dtype}" for name, dtype in table.schema.items())
        raise RecipeError(f"source {source!r} returned the columns {columns}; return {wanted}")
    query, document, rank, score = (pl.col(name) for name in RETRIEVAL_SCHEMA)
    last = dataset.n_documents - 1
    for column, allowed, meaning in (
        ("query", query.is_in(block.tolist()), "is not one that was asked for"),
        ("document", document.is_between(0, last), f"is not a position in {dataset.name}, from 0 to {last}"),
        ("rank", rank.is_between(1, depth), f"is not from 1 to {depth}, the depth"),
        ("score", score.is_null() | score.is_finite(), "is not a finite number; where there is none, give null"),
    ):
        wrong = table.filter(~allowed.fill_null(False))[column]
        if len(wrong):
            raise RecipeError(f"source {source!r} returned the {column} {wrong[0]}, which {meaning}")
    repeated = table.filter(pair(dataset).is_duplicated())
    if len(repeated):
        raise RecipeError(
            f"source {source!r} returned document {repeated['document'][0]} more than once for query "
            f"{repeated['query'][0]}"
        )
    return table.select(list(RETRIEVAL_SCHEMA))


def pair(dataset: Dataset) -> pl.Expr:
    """Number the pairs of a query and a document in their order: one integer is compared faster than two columns."""
    return pl.col("query").cast(pl.Int64) * dataset.n_documents + pl.col("document")


def checked_name(name: str, *, kind: str) -> None:
    """Make sure that columns can be called after a source."""
    if not name.strip():
        raise RecipeError(f"{kind}: name is empty; leave it out for {kind!r}, or give another")
