"""What the labels of other queries say about a candidate: of all that share answers, and of those most alike."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int32
from scipy import sparse

from hardneg.arrays import Rows
from hardneg.data.dataset import Dataset
from hardneg.filters.learned.likeness import each_query
from hardneg.sources.protocol import TextVectors

_NEIGHBOURS = 10


def label_features(
    dataset: Dataset, split: str, query: Rows, document: Rows
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Count, for each row, the other queries that the document answers, and those that share answers with the query.

    The latter count once for each answer that they share. Queries of equal text count as one. Labels of other splits,
    such as the test split's, are not looked at.
    """
    labels = _labels_of_texts(dataset, split)
    texts, row_of = np.unique(dataset.query_text_group[query], return_inverse=True)
    answers = labels[texts]
    alike = answers @ labels.T
    itself = sparse.csr_matrix((np.ones(len(texts)), (np.arange(len(texts)), texts)), shape=alike.shape)
    shared = _take((alike - alike.multiply(itself)) @ labels, row_of, document)
    count = np.asarray(labels.sum(axis=0)).ravel()[document] - _take(answers, row_of, document)
    return {"labels.document": count, "labels.shared": shared}


@lru_cache(maxsize=2)
def _labels_of_texts(dataset: Dataset, split: str) -> sparse.csr_matrix:
    """Lay out the labels of a split as one row a query text, one column a document."""
    query, document = np.divmod(dataset.positives_of(split).keys, dataset.n_documents)
    shape = (int(dataset.query_text_group.max()) + 1, dataset.n_documents)
    pairs = np.unique(np.stack([dataset.query_text_group[query], document]), axis=1)
    return sparse.csr_matrix((np.ones(pairs.shape[1]), tuple(pairs)), shape=shape)


def _take(matrix: sparse.csr_matrix, row: np.ndarray, column: np.ndarray) -> Float64[np.ndarray, " rows"]:
    if len(row) == 0:  # scipy cannot take nothing
        return np.empty(0)
    return np.asarray(sparse.csr_matrix(matrix)[row, column]).ravel().astype(np.float64)


def neighbour_features(
    vectors: TextVectors, dataset: Dataset, split: str, query: Rows, document: Rows
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Describe candidates by the most similar query that the document answers, and by answers of the ten most similar.

    A query of the same text tells nothing new and is left out. A query that several splits name belongs to the
    first of them.
    """
    members, labels = _labels_of_members(dataset, split)
    documents = vectors.vectors_of_documents(dataset)
    queries = vectors.vectors_of_queries(dataset, members)
    texts = dataset.query_text_group[members]
    of_query = sparse.csr_matrix(labels.T)
    asked, answers = np.full(len(query), np.nan), np.full(len(query), np.nan)
    askers = np.unique(query)
    by_query = each_query(query, "comparing with similar queries")
    for rows, asker, vector in zip(by_query, askers, vectors.vectors_of_queries(dataset, askers), strict=True):
        likeness = (queries @ vector).astype(np.float64)
        likeness[texts == dataset.query_text_group[asker]] = -np.inf
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
def _labels_of_members(dataset: Dataset, split: str) -> tuple[Int32[np.ndarray, " members"], sparse.csr_matrix]:
    """List the queries of a split, and the labels as one row a document, one column a query."""
    members = np.flatnonzero(dataset.query_split == dataset.splits.index(split)).astype(np.int32)
    query, document = dataset.positives_of(split).among(members)
    cells = (document, np.searchsorted(members, query))
    return members, sparse.csr_matrix((np.ones(len(query)), cells), shape=(dataset.n_documents, len(members)))
