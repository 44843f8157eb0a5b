"""Documents that share words with the query."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.query_form import QueryForm, query_texts_in
from hardneg.errors import DatasetError, RecipeError
from hardneg.sources.retrieval import checked_name, retrieval_table

if TYPE_CHECKING:
    from hardneg.search.bm25 import BM25Index
    from hardneg.search.bm25_shards import BM25Search


@dataclass(frozen=True)
class BM25:
    """The best documents by BM25; documents that share no term with the query are not candidates.

    Args:
        analyzer: How texts are cut into terms: "english", "code", "code_with_operators", "legal",
            "plain" or a Snowball language such as "german".
        k1: How slowly repeated terms stop counting, from 0.
        b: How much long documents are held back, in [0, 1].
        query_form: Form in which it reads the queries of conversations: "last" looks for what answers the bare
            question, whatever it is asked about. None takes the dataset's.
        name: Suffix of its columns.

    Raises:
        RecipeError: There is no such analyzer or form, or a value is out of range.
    """

    analyzer: str = "english"
    k1: float = 1.5
    b: float = 0.75
    query_form: str | None = None
    name: str = "bm25"

    def __post_init__(self) -> None:
        from hardneg.search.analyzers import analyzer

        analyzer(self.analyzer)
        if not 0 <= self.k1 < float("inf"):
            raise RecipeError(f"bm25: k1 is {self.k1}; set it to 0 or more, say 1.5")
        if not 0 <= self.b <= 1:
            raise RecipeError(f"bm25: b is {self.b}; set it within [0, 1], say 0.75")
        try:
            QueryForm.parse(self.query_form or "last")
        except DatasetError as error:
            raise RecipeError(f"bm25: query_form: {error}") from None
        checked_name(self.name, kind="bm25")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents for some queries."""
        texts = query_texts_in(dataset, self.query_form).gather(block).to_list()
        return retrieval_table(block, *self._index(dataset).search(texts, depth))

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs; 0 where no term is shared."""
        distinct, which = np.unique(query, return_inverse=True)
        texts = query_texts_in(dataset, self.query_form).gather(distinct).to_list()
        return self._index(dataset).pair_scores(texts, which, document)

    def sharded(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, limit: int, folder: Path
    ) -> "tuple[BM25Search, BM25Pairs] | None":
        """Search indexes of parts of the documents, of at most so many bytes of text; None if there are no more."""
        from hardneg.search.bm25_shards import bm25_in_shards

        texts = query_texts_in(dataset, self.query_form).gather(queries)
        search = bm25_in_shards(
            dataset.document_texts, texts, self.analyzer, k1=self.k1, b=self.b, limit=limit, folder=folder
        )
        return None if search is None else (search, BM25Pairs(self.name, self.query_form, search))

    def _index(self, dataset: Dataset) -> "BM25Index":
        return _index(dataset, self.analyzer, self.k1, self.b)


@dataclass(frozen=True)
class BM25Pairs:
    """The scorer of BM25 in shards: it indexes the documents that it is asked about, and no others."""

    name: str
    query_form: str | None
    search: "BM25Search"

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs; 0 where no term is shared."""
        distinct, which = np.unique(query, return_inverse=True)
        texts = query_texts_in(dataset, self.query_form).gather(distinct).to_list()
        documents, place = np.unique(document, return_inverse=True)
        return self.search.pair_scores(texts, which, dataset.document_texts.gather(documents), place)


def bm25_of(sources: Iterable[object], *, code: bool = False) -> BM25:
    """Give the first BM25 among sources, or one for code or for text, to measure the row `bm25` of a table with."""
    fallback = BM25(analyzer="code") if code else BM25()
    return next((each for each in sources if isinstance(each, BM25)), fallback)


@of_texts(keep=4)
def _index(dataset: Dataset, analyzer_name: str, k1: float, b: float) -> "BM25Index":
    from hardneg.search.analyzers import analyzer
    from hardneg.search.bm25 import BM25Index

    return BM25Index.build(dataset.document_texts, analyzer(analyzer_name), k1=k1, b=b)
