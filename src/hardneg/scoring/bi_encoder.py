"""A two-tower model as a scorer."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float32, Int32

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.models.options import ModelOptions
from hardneg.models.protocol import Encoder


@dataclass(frozen=True)
class BiEncoder(ModelOptions):
    """Score a pair by the dot product of a sentence-transformers model's vectors.

    The vectors are encoded once and kept on disk, so the pairs themselves cost next to nothing. Its score has no
    fixed scale: prefer a margin to the query's positive over an absolute threshold. Options of the model are those
    of `ModelOptions`.

    Args:
        name: Whose score it is, in columns and reports.

    Raises:
        RecipeError: A value is out of range.
    """

    name: str = "teacher"

    self_storing: ClassVar[bool] = True  # the vectors are what is dear
    squashed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.settle_model("bi_encoder")

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs; the texts of the dataset are encoded on first use, and without pairs no model is loaded."""
        return vector_scores(self.encoder(), dataset, query, document) if len(query) else np.empty(0, np.float32)


def vectors(
    encoder: Encoder, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
    """Encode some queries and all documents, or take their vectors from the store."""
    from hardneg.models.store import document_vectors, query_vectors

    return query_vectors(encoder, dataset, queries), document_vectors(encoder, dataset)


def vector_scores(
    encoder: Encoder,
    dataset: Dataset,
    query: Rows,
    document: Rows,
) -> Scores:
    """Score pairs by the dot product of their vectors."""
    from hardneg.search.exact import pair_scores

    if len(query) == 0:
        return np.empty(0, np.float32)
    distinct, which = np.unique(query, return_inverse=True)
    return pair_scores(*vectors(encoder, dataset, distinct), which.astype(np.int32), document)
