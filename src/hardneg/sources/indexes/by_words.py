"""What all indexes that are searched by words have in common as sources of candidates."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.sources.indexes.listing import RecordListing, list_records
from hardneg.sources.indexes.options import IndexOptions, filled, state
from hardneg.sources.indexes.pool import ask_for, best, padded
from hardneg.sources.indexes.protocol import Facts, Key, TextIndex
from hardneg.sources.retrieval import retrieval_table


@dataclass(frozen=True, kw_only=True)
class IndexTexts(IndexOptions, ABC):
    """The best documents by words, as an index finds them; base of the sources of indexes."""

    @abstractmethod
    def index(self) -> TextIndex:
        """Open the index."""

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find documents for some queries, with the scores of the index."""
        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        index, listing = self.index(), self._listing(dataset)
        texts = dataset.query_texts.gather(block).to_list()
        score_of: list[dict[int, float]] = [{} for _ in texts]

        def ask(rows: list[int], limit: int) -> list[list[Key]]:
            pages = index.matching([texts[row] for row in rows], limit)
            for row, page in zip(rows, pages, strict=True):
                for key, score in page:
                    document = listing.position.get(key, -1)
                    score_of[row][document] = max(score, score_of[row].get(document, score))
            return [[key for key, _ in page] for page in pages]

        lists = ask_for(ask, listing, len(block), pool=self.pool, most=index.most)
        document = padded(lists)
        scores = np.full(document.shape, -np.inf, np.float32)
        for row, documents in enumerate(lists):
            scores[row, : len(documents)] = [score_of[row][each] for each in documents]
        return best(block, document, scores, depth)

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:  # noqa: ARG002
        """See whether the index is one of the dataset, and have it search for one query."""
        self._listing(dataset)
        self.index().matching(dataset.query_texts.gather(queries[:1]).to_list(), 1)

    def findings(self, dataset: Dataset) -> list[Finding]:
        """Say what the index lacks of the dataset."""
        finding = self._listing(dataset).finding(dataset, source=cast("Any", self).name)
        return [] if finding is None else [finding]

    def fingerprint(self) -> str:
        """Tell the index's present state."""
        return state(self.index().facts())

    def _listing(self, dataset: Dataset) -> RecordListing:
        return _listed(dataset, self, filled(self.index().facts()))


@of_texts(keep=2)
def _listed(dataset: Dataset, source: IndexTexts, facts: Facts) -> RecordListing:
    return list_records(source.index(), facts, dataset)
