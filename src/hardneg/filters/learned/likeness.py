"""How like a candidate is to its query and to the query's known answers, by words and by vectors."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from jaxtyping import Float32, Float64, Int32, Int64
from scipy import sparse

from hardneg.arrays import Rows
from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.progress import task
from hardneg.search.analyzers import analyzer
from hardneg.search.words import number_terms, shown

_SHOWN = 64  # queries between two steps of a bar


def each_query(query: Rows, description: str) -> Iterator[Int64[np.ndarray, " some"]]:
    """Give the row numbers of each query, queries ascending, and show how far that is."""
    order = np.argsort(query, kind="stable")
    by_query = np.split(order, np.flatnonzero(np.diff(query[order])) + 1) if len(query) else []
    with task(description, total=len(by_query), unit="queries") as advance:
        for start in range(0, len(by_query), _SHOWN):
            part = by_query[start : start + _SHOWN]
            yield from part
            advance(len(part))


def word_features(
    dataset: Dataset, positives: PairSet, query: Rows, document: Rows
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Say for each row which share of the query's words it has, and how alike it is to the known positives."""
    queries, documents = word_sets(dataset)
    shared = np.zeros(len(query))
    largest, mean = np.full(len(query), np.nan), np.full(len(query), np.nan)
    length = np.asarray(documents.sum(axis=1)).ravel()
    for rows in each_query(query, "comparing words"):
        asker, candidates = int(query[rows[0]]), documents[document[rows]]
        shared[rows] = (candidates @ queries[asker].T).toarray().ravel()
        answers = positives.of(asker)
        if len(answers):
            both = (candidates @ documents[answers].T).toarray()
            union = length[document[rows]][:, None] + length[answers] - both
            largest[rows], mean[rows] = _largest_and_mean(both / np.maximum(union, 1), document[rows], answers)
    n_words = np.asarray(queries.sum(axis=1)).ravel()[query]
    return {
        "words.of_query": shared / np.maximum(n_words, 1),
        "words.jaccard_max": largest,
        "words.jaccard_mean": mean,
        "words.query": n_words,
        "words.document": length[document],
    }


def vector_features(
    vectors: Float32[np.ndarray, "documents dim"], positives: PairSet, query: Rows, document: Rows
) -> dict[str, Float64[np.ndarray, " rows"]]:
    """Compare candidates with the known positives of their query, themselves left out."""
    largest, mean = np.full(len(query), np.nan), np.full(len(query), np.nan)
    for rows in each_query(query, "comparing vectors with known answers"):
        answers = positives.of(int(query[rows[0]]))
        if len(answers):
            product = vectors[document[rows]].astype(np.float64) @ vectors[answers].astype(np.float64).T
            largest[rows], mean[rows] = _largest_and_mean(product, document[rows], answers)
    return {"similarity.max": largest, "similarity.mean": mean}


def _largest_and_mean(
    similarity: Float64[np.ndarray, "rows positives"], document: Rows, positives: Int32[np.ndarray, " positives"]
) -> tuple[Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Reduce similarities to known positives; a document is not compared with itself."""
    itself = document[:, None] == positives
    n_others = (~itself).sum(axis=1)
    some = n_others > 0
    largest = np.where(some, np.where(itself, -np.inf, similarity).max(axis=1), np.nan)
    total = np.where(itself, 0.0, similarity).sum(axis=1)
    return largest, np.divide(total, n_others, out=np.full(len(document), np.nan), where=some)


@of_texts(keep=1, sent=True)
def word_sets(dataset: Dataset) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Give the distinct words of each query and of each document, as rows of 0 and 1."""
    vocabulary: dict[str, int] = {}
    parts = [_cells(column, vocabulary) for column in (dataset.query_texts, dataset.document_texts)]
    queries, documents = (
        sparse.csr_matrix((np.ones(len(word), np.float64), (row, word)), shape=(n, len(vocabulary)))
        for row, word, n in parts
    )
    return queries, documents


def _cells(column: pl.Series, vocabulary: dict[str, int]) -> tuple[np.ndarray, np.ndarray, int]:
    pairs, start = [], 0
    with task("cutting texts into words", total=len(column), unit="texts") as advance:
        for terms in shown(number_terms(column, analyzer("plain"), vocabulary, grow=True), advance):
            pairs.append(np.unique(np.stack([terms.text + start, terms.term.astype(np.int64)]), axis=1))
            start += terms.n_texts
    row, word = np.concatenate(pairs, axis=1)
    return row, word, len(column)
