"""Vectors of documents as an index has them, fetched when they are first needed and kept in memory."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, Int32

from hardneg.arrays import Rows, Scores
from hardneg.errors import ModelError
from hardneg.sources.indexes.agreement import UNIT
from hardneg.sources.indexes.listing import RecordListing
from hardneg.sources.indexes.protocol import Key, VectorIndex

_BATCH = 256  # records that are asked for at a time

OfModel = Callable[[Int32[np.ndarray, " documents"]], Float32[np.ndarray, "documents dim"]]


class FetchedVectors:
    """Vectors of the documents of a dataset; those of documents that the index lacks come from the model.

    A document that is several records has several vectors, and the best of them counts.
    """

    def __init__(self, listing: RecordListing, dim: int) -> None:
        self.listing = listing
        rows = np.maximum(listing.counts, 1)
        self._first = np.concatenate([[0], np.cumsum(rows)])
        self._matrix = np.zeros((int(self._first[-1]), dim), np.float32)  # memory is taken where something is written
        self._there = np.zeros(len(rows), bool)
        self._keys: dict[int, list[Key]] = {}
        for key, row in listing.position.items():
            self._keys.setdefault(row, []).append(key)

    def scores(self, queries: Float32[np.ndarray, "queries dim"], query: Rows, document: Rows) -> Scores:
        """Score pairs of documents that were brought, to the bit as the exact search scores them."""
        from hardneg.search.exact import pair_scores

        first, count = self._first[document], self._first[document + 1] - self._first[document]
        begins = np.cumsum(count) - count
        rows = np.arange(count.sum()) - np.repeat(begins - first, count)
        scores = pair_scores(queries, self._matrix, np.repeat(query, count), rows)
        return scores if (count == 1).all() else np.maximum.reduceat(scores, begins)

    def first_of(self, document: Int32[np.ndarray, " documents"]) -> Float32[np.ndarray, "documents dim"]:
        """Give the vectors of documents that were brought, of each its first record's."""
        return self._matrix[self._first[document]]

    def bring(self, document: Int32[np.ndarray, " documents"], *, index: VectorIndex, of_model: OfModel) -> None:
        """Fetch the vectors of documents that are not here yet."""
        new = document[~self._there[document]]
        lacking = self.listing.counts[new] == 0
        if lacking.any():
            alone = self.listing.lacking  # all together, so that a vector does not depend on what is asked for with it
            self._matrix[self._first[alone]] = of_model(alone)
            self._there[alone] = True
        keys = [key for row in new[~lacking].tolist() for key in self._keys[row]]
        filled = dict.fromkeys(new[~lacking].tolist(), 0)
        for start in range(0, len(keys), _BATCH):
            self._take(*index.vectors_of(keys[start : start + _BATCH]), filled)
        for row, n in filled.items():
            if n != self.listing.counts[row]:
                raise ModelError(
                    f"{self.listing.facts.title} gave {n} of {self.listing.counts[row]} vectors of a document that it "
                    "listed: it changed in between, or does not give vectors back; try again when nobody writes to it"
                )
            self._there[row] = True

    def _take(self, keys: list[Key], vectors: Float32[np.ndarray, "records dim"], filled: dict[int, int]) -> None:
        title, dim = self.listing.facts.title, self._matrix.shape[1]
        if len(keys) and vectors.shape[1] != dim:
            raise ModelError(f"{title} gave vectors of {vectors.shape[1]} dimensions, of which it says {dim}")
        length = np.linalg.norm(vectors, axis=1)
        if self.listing.facts.metric == "cosine":
            off = (abs(length - 1) > UNIT) & (length > 0)  # the others keep their bits
            vectors = np.where(off[:, None], vectors / np.where(off, length, 1)[:, None], vectors).astype(np.float32)
        for key, vector in zip(keys, vectors, strict=True):
            row = self.listing.position[key]
            if filled[row] < self.listing.counts[row]:
                self._matrix[self._first[row] + filled[row]] = vector
            filled[row] += 1
