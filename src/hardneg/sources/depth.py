"""Depth counts candidates, and what is known to answer the query is none: how deep to look, and where to stop."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.sources.kept import retrieved
from hardneg.sources.protocol import Source
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_retrieval

# Queries with up to so many answers are looked up together, so deep that all of them can be left out; with more, up to
# eight times as many. What is asked for a query depends on the query alone, not on those that stand beside it.
_SPARE, _STEP = 4, 8


def candidates_of(source: Source, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
    """Retrieve so deep that each query has `depth` documents besides those known to answer it.

    Known answers are those that no negative may be (`Dataset.is_answer`): labelled positives, their copies, and those
    of queries of the same text. Answers that rank before the last candidate stay in the table, and ranks stay as the
    source gave them.
    """
    parts = []
    for queries, spare in _by_spare(dataset, block):
        deep = min(depth + spare, max(depth, dataset.n_documents))
        found = checked_retrieval(
            retrieved(source, dataset, queries, deep), source=source.name, dataset=dataset, block=queries, depth=deep
        )
        parts.append(_cut(found, dataset, depth))
    if len(parts) == 1:
        return parts[0]
    return pl.concat([pl.DataFrame(schema=RETRIEVAL_SCHEMA), *parts]).sort("query", "rank")


def _by_spare(
    dataset: Dataset, block: Int32[np.ndarray, " queries"]
) -> Iterator[tuple[Int32[np.ndarray, " queries"], int]]:
    """Part queries by how many answers there are to leave out."""
    n_answers = answer_counts(dataset)[block]
    spare = np.full(len(block), _SPARE)
    while (few := spare < n_answers).any():
        spare[few] *= _STEP
    for each in np.unique(spare).tolist():
        yield block[spare == each], each


@lru_cache(maxsize=4)
def answer_counts(dataset: Dataset) -> Int64[np.ndarray, " queries"]:
    """Count for each query the documents that `Dataset.is_answer` may call its answers; some may count twice."""
    copies = np.bincount(dataset.text_group)
    of_text = _summed(dataset.answers.keys, dataset.answers.width, copies, int(dataset.query_text_group.max()) + 1)
    counts = of_text[dataset.query_text_group]
    group, shared = dataset.exclusions.group, dataset.exclusions.answers
    if len(shared):
        of_group = _summed(shared.keys, shared.width, copies, int(group.max()) + 1)
        counts = counts + np.where(group >= 0, of_group[np.maximum(group, 0)], 0)
    return counts


def _summed(
    keys: Int64[np.ndarray, " pairs"], width: int, copies: Int64[np.ndarray, " texts"], n_owners: int
) -> Int64[np.ndarray, " owners"]:
    owner, text = np.divmod(keys, width)
    return np.bincount(owner, weights=copies[text], minlength=n_owners).astype(np.int64)


def _cut(found: pl.DataFrame, dataset: Dataset, depth: int) -> pl.DataFrame:
    """Keep rows up to the last of `depth` candidates of each query, ordered by query and rank."""
    query, rank = found["query"].to_numpy(), found["rank"].to_numpy()
    if (np.diff(query.astype(np.int64) << 32 | rank) < 0).any():
        return _cut(found.sort("query", "rank"), dataset, depth)
    is_candidate = ~dataset.is_answer(query, found["document"].to_numpy())
    before = np.cumsum(is_candidate) - is_candidate
    first = np.flatnonzero(np.diff(query, prepend=-1))
    before -= np.repeat(before[first], np.diff(first, append=len(query)))
    return found.filter(pl.Series(before < depth))
