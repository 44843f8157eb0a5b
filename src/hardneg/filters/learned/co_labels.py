"""What the labels of other queries say about a candidate."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, Int32
from scipy import sparse

from hardneg.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class CoLabels:
    """Which documents answer which queries; queries of equal text count as one."""

    labels: sparse.csr_matrix

    @classmethod
    def of(cls, dataset: Dataset, split: str) -> "CoLabels":
        """Collect the labels of a split. Labels of other splits, such as the test split's, are not looked at."""
        return _co_labels(dataset, split)

    def describe(
        self, dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " rows"]
    ) -> dict[str, Float64[np.ndarray, " rows"]]:
        """Count, for each row, labels of other queries."""
        texts = dataset.query_text_group[query]
        distinct, row_of = np.unique(texts, return_inverse=True)
        own = self.labels[distinct]
        alike = own @ self.labels.T
        alike = alike - alike.multiply(sparse.csr_matrix(_identity(distinct, self.labels.shape[0])))
        shared = _take(alike @ self.labels, row_of, document)
        count = np.asarray(self.labels.sum(axis=0)).ravel()[document] - _take(own, row_of, document)
        return {"labels.document": count, "labels.shared": shared}


@lru_cache(maxsize=2)
def _co_labels(dataset: Dataset, split: str) -> CoLabels:
    query, document = np.divmod(dataset.positives_of(split).keys, dataset.n_documents)
    shape = (int(dataset.query_text_group.max()) + 1, dataset.n_documents)
    pairs = np.unique(np.stack([dataset.query_text_group[query], document]), axis=1)
    return CoLabels(sparse.csr_matrix((np.ones(pairs.shape[1]), tuple(pairs)), shape=shape))


def _identity(distinct: Int32[np.ndarray, " texts"], n_texts: int) -> sparse.csr_matrix:
    ones = np.ones(len(distinct))
    return sparse.csr_matrix((ones, (np.arange(len(distinct)), distinct)), shape=(len(distinct), n_texts))


def _take(matrix: sparse.csr_matrix, row: np.ndarray, column: np.ndarray) -> Float64[np.ndarray, " rows"]:
    if len(row) == 0:  # scipy cannot take nothing
        return np.empty(0)
    return np.asarray(sparse.csr_matrix(matrix)[row, column]).ravel().astype(np.float64)
