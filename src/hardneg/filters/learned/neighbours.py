"""What queries like this one, and their answers, say about a candidate."""

from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32
from scipy import sparse

from hardneg.data.dataset import Dataset
from hardneg.filters.rows import each_query, rows_by_query
from hardneg.sources.protocol import TextVectors

_NEIGHBOURS = 10


def neighbour_features(
    vectors: TextVectors,
    dataset: Dataset,
    split: str,
    query: Int32[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Describe candidates by the labels of similar queries.

    A query of the same text tells nothing new and is left out. A query that several splits name belongs to the
    first of them.
    """
    members, labels = _labels(dataset, split)
    documents = vectors.vectors_of_documents(dataset)
    queries = vectors.vectors_of_queries(dataset, members)
    texts = dataset.query_text_group[members]
    of_query = sparse.csr_matrix(labels.T)
    asked, answers = np.full(len(query), np.nan), np.full(len(query), np.nan)
    by_query = rows_by_query(query)
    owners = np.array([query[rows[0]] for rows in by_query], dtype=np.int32)
    own_vectors = vectors.vectors_of_queries(dataset, owners)
    for number, rows in each_query(by_query, "comparing with similar queries"):
        own, vector = owners[number], own_vectors[number]
        likeness = (queries @ vector).astype(np.float64)
        likeness[texts == dataset.query_text_group[own]] = -np.inf
        asked[rows] = _largest(labels[document[rows]], likeness)
        near = np.argsort(-likeness, kind="stable")[:_NEIGHBOURS]
        near = near[np.isfinite(likeness[near])]
        answering = of_query[near].indices
        if len(answering):
            middle = documents[answering].astype(np.float64).mean(axis=0)
            answers[rows] = documents[document[rows]].astype(np.float64) @ middle
    return {"neighbours.asked": asked, "neighbours.answers": answers}


def _largest(labels: sparse.csr_matrix, likeness: Float64[np.ndarray, " members"]) -> Float64[np.ndarray, " rows"]:
    """Take the largest likeness among the members of each row."""
    counts = np.diff(labels.indptr)
    largest = np.full(len(counts), np.nan)
    if counts.sum():
        some = counts > 0
        largest[some] = np.maximum.reduceat(likeness[labels.indices], labels.indptr[:-1][some])
    largest[np.isneginf(largest)] = np.nan
    return largest


@lru_cache(maxsize=2)
def _labels(dataset: Dataset, split: str) -> tuple[Int32[np.ndarray, " members"], sparse.csr_matrix]:
    """List the queries of a split, and the labels as one row a document, one column a query."""
    members = np.flatnonzero(dataset.query_split == dataset.splits.index(split)).astype(np.int32)
    rows = dataset.qrels.filter((pl.col("split") == split) & (pl.col("relevance") > 0))
    query, document = rows["query"].to_numpy(), rows["document"].to_numpy()
    inside = np.isin(query, members)
    column = np.searchsorted(members, query[inside])
    shape = (dataset.n_documents, len(members))
    return members, sparse.csr_matrix((np.ones(len(column)), (document[inside], column)), shape=shape)
