"""What all indexes that are searched by vectors have in common as sources of candidates."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import ModelError, RecipeError
from hardneg.sources.indexes.agreement import ModelAgreement, check_fits, sample_of
from hardneg.sources.indexes.listing import list_records
from hardneg.sources.indexes.options import IndexOptions, filled, state
from hardneg.sources.indexes.pool import QUERIES, ask_for, best, padded
from hardneg.sources.indexes.protocol import Facts, VectorIndex
from hardneg.sources.indexes.vectors import FetchedVectors
from hardneg.sources.protocol import Checks, Encodes, Source, TextVectors, identity
from hardneg.sources.retrieval import retrieval_table


@dataclass(frozen=True, kw_only=True)
class IndexVectors(IndexOptions, ABC):
    """The best documents by vectors, as an index finds them; base of the sources of indexes.

    What the index gives is scored and ranked anew by the vectors that it holds, so that scores are those of the exact
    search and other pairs can be scored too.

    Args:
        of: The source that makes vectors of queries, "dense" or "vectors": of the model that the index was made with.
    """

    of: Source

    def settle(self, name: str, kind: str) -> None:
        """Check the values; for `__post_init__` of what is called `kind`."""
        super().settle(name, kind)
        if not isinstance(self.of, TextVectors):
            raise RecipeError(f"{kind}: the source {self.of.name!r} has no vectors; name dense or vectors")

    @abstractmethod
    def index(self) -> VectorIndex:
        """Open the index."""

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find documents for some queries."""
        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        index, vectors = self.index(), self.vectors_of_queries(dataset, block)
        lists = ask_for(
            lambda rows, limit: index.nearest(vectors[rows], limit),
            self._fetched(dataset).listing,
            len(block),
            pool=self.pool,
            most=index.most,
        )
        document = padded(lists)
        row, place = np.nonzero(document >= 0)
        scores = np.full(document.shape, -np.inf, np.float32)
        scores[row, place] = self.score(dataset, block[row], document[row, place])
        return best(block, document, scores, depth)

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs by the vectors that the index holds; documents that it lacks, by those that the model makes."""
        if len(query) == 0:
            return np.empty(0, np.float32)
        distinct, which = np.unique(query, return_inverse=True)
        fetched = self._fetched(dataset)
        fetched.bring(np.unique(document), index=self.index(), of_model=lambda rows: _made_of(self.of, dataset, rows))
        return fetched.scores(self.vectors_of_queries(dataset, distinct), which.astype(np.int32), document)

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""
        return np.asarray(cast(TextVectors, self.of).vectors_of_queries(dataset, queries), np.float32)

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """See whether the index is one of the dataset and of the model."""
        if isinstance(self.of, Checks):
            self.of.check(dataset, queries, split=split)
        facts, model = filled(self.index().facts()), _model_of(self.of)
        check_fits(facts, self.vectors_of_queries(dataset, queries[:QUERIES]), model=model)
        _compared(dataset, self, facts).check(facts, model=model)

    def findings(self, dataset: Dataset) -> list[Finding]:
        """Say what the index lacks of the dataset, and whether its vectors are quite the model's."""
        name, facts = cast("Any", self).name, filled(self.index().facts())
        lacking = _fetched(dataset, self, facts).listing.finding(dataset, source=name)
        differing = _compared(dataset, self, facts).finding(facts, source=name, model=_model_of(self.of))
        return [each for each in (lacking, differing) if each is not None]

    def fingerprint(self) -> str:
        """Tell the vectors' source and the index's present state."""
        return f"{identity(self.of)} {state(self.index().facts())}"

    def _fetched(self, dataset: Dataset) -> FetchedVectors:
        return _fetched(dataset, self, filled(self.index().facts()))


def _model_of(source: Source) -> str:
    return str(source.model) if isinstance(source, Encodes) else f"the source {source.name}"


def _made_of(
    source: Source, dataset: Dataset, documents: Int32[np.ndarray, " documents"]
) -> Float32[np.ndarray, "documents dim"]:
    """Give the vectors of some documents without having all of them encoded."""
    if isinstance(source, Encodes):
        from hardneg.models.store import encode

        texts = dataset.document_texts.gather(documents.tolist())
        return np.asarray(encode(source.encoder(), texts, kind="document"), np.float32)
    return np.asarray(cast(TextVectors, source).vectors_of_documents(dataset)[documents], np.float32)


@of_texts(keep=2)
def _fetched(dataset: Dataset, source: IndexVectors, facts: Facts) -> FetchedVectors:
    if facts.dim is None:
        raise ModelError(
            f"{facts.title} does not say how many dimensions its vectors have; make it anew with a dimension"
        )
    return FetchedVectors(list_records(source.index(), facts, dataset), facts.dim)


@of_texts(keep=4)
def _compared(dataset: Dataset, source: IndexVectors, facts: Facts) -> ModelAgreement:
    """Compare vectors of some documents that are one record each with what the model makes of them."""
    fetched = _fetched(dataset, source, facts)
    sample = sample_of(fetched.listing.counts)
    if not len(sample):
        return ModelAgreement(0, 1.0, False)
    fetched.bring(sample, index=source.index(), of_model=lambda rows: _made_of(source.of, dataset, rows))
    return ModelAgreement.between(fetched.first_of(sample), _made_of(source.of, dataset, sample))
