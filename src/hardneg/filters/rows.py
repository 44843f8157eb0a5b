"""Rows of a table of candidates, query by query."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int32, Int64

from hardneg.progress import task

_SHOWN = 64  # queries between two steps of a bar


def rows_by_query(query: Int32[np.ndarray, " rows"]) -> list[Int64[np.ndarray, " some"]]:
    """List the row numbers of each query, in order."""
    order = np.argsort(query, kind="stable")
    starts = np.flatnonzero(np.diff(query[order])) + 1
    return np.split(order, starts) if len(query) else []


def each_query(
    by_query: list[Int64[np.ndarray, " some"]], description: str
) -> Iterator[tuple[int, Int64[np.ndarray, " some"]]]:
    """Go through queries one by one and show how far that is."""
    with task(description, total=len(by_query), unit="queries") as advance:
        for start in range(0, len(by_query), _SHOWN):
            part = by_query[start : start + _SHOWN]
            yield from enumerate(part, start)
            advance(len(part))


def largest_and_mean(
    similarity: Float64[np.ndarray, "rows positives"],
    document: Int32[np.ndarray, " rows"],
    positives: Int32[np.ndarray, " positives"],
) -> tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Reduce similarities to known positives; a document is not compared with itself."""
    itself = document[:, None] == positives
    n_others = (~itself).sum(axis=1)
    some = n_others > 0
    largest = np.where(some, np.where(itself, -np.inf, similarity).max(axis=1), np.nan)
    total = np.where(itself, 0.0, similarity).sum(axis=1)
    return largest, np.divide(total, n_others, out=np.full(len(document), np.nan), where=some)
