"""Scores of pairs from the vectors of their texts."""

import numpy as np
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.models.protocol import Encoder


def vectors(
    encoder: Encoder, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
    """Encode some queries and all documents, or take their vectors from the store.

    Args:
        encoder: Turns texts into vectors.
        dataset: Where the texts are.
        queries: Positions of queries.

    Returns:
        The vectors of these queries in the order given, and those of all documents.
    """
    from hardneg.models.store import document_vectors, query_vectors

    return query_vectors(encoder, dataset, queries), document_vectors(encoder, dataset)


def vector_scores(
    encoder: Encoder,
    dataset: Dataset,
    query: Int32[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
) -> Float32[np.ndarray, " rows"]:
    """Score pairs by the dot product of their vectors."""
    from hardneg.search.exact import pair_scores

    if len(query) == 0:
        return np.empty(0, np.float32)
    distinct, which = np.unique(query, return_inverse=True)
    return pair_scores(*vectors(encoder, dataset, distinct), which.astype(np.int32), document)
