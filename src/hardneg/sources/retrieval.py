"""The table that sources return."""

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

RETRIEVAL_SCHEMA = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}


def retrieval_table(
    query: Int32[np.ndarray, " queries"],
    found: Int32[np.ndarray, "queries depth"],
    score: Float32[np.ndarray, "queries depth"] | None = None,
) -> pl.DataFrame:
    """Turn a matrix of found documents into a table of rows.

    Args:
        query: Position of each query.
        found: Documents of each query, the best first; -1 where none is left.
        score: Their scores, or None if the source has no scores.

    Returns:
        Columns `query`, `document`, `rank`, `score`, sorted by query and rank.
    """
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
