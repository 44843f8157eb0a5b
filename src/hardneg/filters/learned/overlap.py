"""Words that a candidate shares with its query and with the query's known answers."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32
from scipy import sparse

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.filters.rows import each_query, largest_and_mean, rows_by_query
from hardneg.progress import task
from hardneg.search.analyzers import analyzer
from hardneg.search.words import number_terms, shown


@dataclass(frozen=True, eq=False)
class WordSets:
    """The distinct words of each query and document, as rows of 0 and 1."""

    queries: sparse.csr_matrix
    documents: sparse.csr_matrix

    @classmethod
    def of(cls, dataset: Dataset) -> "WordSets":
        """Cut a dataset's texts into words, once for each corpus."""
        return _word_sets(dataset)

    def describe(
        self, known: PairSet, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> dict[str, Float64[np.ndarray, " rows"]]:
        """Say for each row which share of the query's words it has, and how alike it is to the known positives."""
        shared = np.zeros(len(query))
        largest, mean = np.full(len(query), np.nan), np.full(len(query), np.nan)
        length = np.asarray(self.documents.sum(axis=1)).ravel()
        for _, rows in each_query(rows_by_query(query), "comparing words"):
            own, candidates = int(query[rows[0]]), self.documents[document[rows]]
            shared[rows] = (candidates @ self.queries[own].T).toarray().ravel()
            positives = known.of(own)
            if len(positives):
                both = (candidates @ self.documents[positives].T).toarray()
                union = length[document[rows]][:, None] + length[positives] - both
                jaccard = both / np.maximum(union, 1)
                largest[rows], mean[rows] = largest_and_mean(jaccard, document[rows], positives)
        n_words = np.asarray(self.queries.sum(axis=1)).ravel()[query]
        return {
            "words.of_query": shared / np.maximum(n_words, 1),
            "words.jaccard_max": largest,
            "words.jaccard_mean": mean,
            "words.query": n_words,
            "words.document": length[document],
        }


@of_texts(keep=1)
def _word_sets(dataset: Dataset) -> WordSets:
    vocabulary: dict[str, int] = {}
    parts = [_rows(column, vocabulary) for column in (dataset.query_texts, dataset.document_texts)]
    queries, documents = (
        sparse.csr_matrix((np.ones(len(word), np.float64), (row, word)), shape=(n, len(vocabulary)))
        for row, word, n in parts
    )
    return WordSets(queries, documents)


def _rows(column: pl.Series, vocabulary: dict[str, int]) -> tuple[np.ndarray, np.ndarray, int]:
    pairs, start = [], 0
    with task("cutting texts into words", total=len(column), unit="texts") as advance:
        for terms in shown(number_terms(column, analyzer("plain"), vocabulary, grow=True), advance):
            pairs.append(np.unique(np.stack([terms.text + start, terms.term.astype(np.int64)]), axis=1))
            start += terms.n_texts
    row, word = np.concatenate(pairs, axis=1)
    return row, word, len(column)
