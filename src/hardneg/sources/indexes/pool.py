"""As many documents as were asked for, and their order, whatever else an index holds."""

from collections.abc import Callable

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.progress import task
from hardneg.sources.indexes.listing import RecordListing
from hardneg.sources.indexes.protocol import Key
from hardneg.sources.retrieval import retrieval_table

QUERIES = 64  # that are asked for at a time
_DEEPER, _DEEPEST = 4, 64  # times as many records: of the next request, and of the last


def ask_for(
    ask: Callable[[list[int], int], list[list[Key]]], listing: RecordListing, n_queries: int, *, pool: int, most: int
) -> list[list[int]]:
    """Ask for `pool` documents each; deeper for queries whose records are of fewer documents of the dataset.

    How deep a query is asked for depends on the query alone.
    """
    lists: list[list[int]] = [[] for _ in range(n_queries)]
    waiting, limit = list(range(n_queries)), min(pool, most)
    wanted = min(pool, int((listing.counts > 0).sum()))
    last = min(most, listing.facts.n_records, _DEEPEST * pool)
    with task(f"asking {listing.facts.title}", total=n_queries, unit="queries") as advance:
        while waiting:
            again = []
            for start in range(0, len(waiting), QUERIES):
                rows = waiting[start : start + QUERIES]
                for row, keys in zip(rows, ask(rows, limit), strict=True):
                    lists[row] = listing.documents(keys)
                    if len(lists[row]) < wanted and len(keys) >= limit and limit < last:
                        again.append(row)
                    else:
                        advance(1)
            waiting, limit = again, min(_DEEPER * limit, last)
    return lists


def padded(lists: list[list[int]]) -> Int32[np.ndarray, "queries documents"]:
    """Turn lists of documents into a matrix; -1 stands where a query has no more."""
    document = np.full((len(lists), max(1, *map(len, lists))), -1, np.int32)
    for row, documents in enumerate(lists):
        document[row, : len(documents)] = documents
    return document


def best(
    block: Int32[np.ndarray, " queries"],
    document: Int32[np.ndarray, "queries documents"],
    scores: Float32[np.ndarray, "queries documents"],
    depth: int,
) -> pl.DataFrame:
    """Rank by score, equal ones by position; places without a document come last."""
    order = np.lexsort((document, -scores))[:, :depth]
    document, scores = (np.take_along_axis(each, order, axis=1) for each in (document, scores))
    return retrieval_table(block, document, scores)
