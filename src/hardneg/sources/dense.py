"""Documents whose vectors are close to the query's."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.addresses import is_endpoint
from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.models.options import ModelOptions
from hardneg.scoring.bi_encoder import vector_scores, vectors
from hardneg.sources.retrieval import checked_name, retrieval_table
from hardneg.sources.vector_shards import vectors_in_shards

if TYPE_CHECKING:
    from hardneg.models.reading import Reading


@dataclass(frozen=True)
class Dense(ModelOptions):
    """The best documents by the dot product of a model's vectors, found exactly.

    Options of the model are those of `ModelOptions`.

    Args:
        name: Suffix of its columns.

    Raises:
        RecipeError: A value is out of range.
    """

    name: str = "dense"

    role: ClassVar[str] = "the source "

    def __post_init__(self) -> None:
        self.settle_model("dense")
        checked_name(self.name, kind="dense")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find the best documents for some queries; documents are encoded on first use and kept on disk."""
        from hardneg.search.exact import exact_topk

        if len(block) == 0:
            return retrieval_table(block, np.empty((0, 0), np.int32))
        return retrieval_table(block, *exact_topk(*vectors(self.encoder(), dataset, block), depth))

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs."""
        return vector_scores(self.encoder(), dataset, query, document)

    def vectors_of_documents(self, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
        """Vectors of all documents, by position."""
        from hardneg.models.store import document_vectors

        return document_vectors(self.encoder(), dataset)

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""
        from hardneg.models.store import query_vectors

        return query_vectors(self.encoder(), dataset, queries)

    sharded = vectors_in_shards

    def with_model(self, model: str) -> Self:
        """Search with other weights."""
        return replace(self, model=model)

    def reading(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"] | None = None) -> "Reading | None":
        """Look at how the model reads a dataset: prompts, precision, and which share of a sample of texts it cuts.

        What a server does with texts is not known here: None.
        """
        if is_endpoint(self.model):
            return None
        from hardneg.models.reading import reading_of

        encoder: Any = self.encoder()
        return reading_of(
            encoder.model,
            dataset,
            queries=queries,
            prompts=encoder.prompts,
            precision=encoder.precision,
            query_form=encoder.query_form,
            max_tokens=self.max_tokens,
        )
