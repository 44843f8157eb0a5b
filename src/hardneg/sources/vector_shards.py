"""Searching the file of a source's vectors in parts."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.sources.protocol import TextVectors

if TYPE_CHECKING:
    from hardneg.search.dense_shards import DenseSearch

S = TypeVar("S", bound=TextVectors)


def vectors_in_shards(
    source: S, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, limit: int, folder: Path
) -> "tuple[DenseSearch, S] | None":
    """Search parts of the file of vectors, of at most so many bytes each; None if it has no more."""
    from hardneg.search.dense_shards import dense_in_shards

    vectors = source.vectors_of_queries(dataset, queries), source.vectors_of_documents(dataset)
    search = dense_in_shards(*vectors, limit=limit, folder=folder)
    return None if search is None else (search, source)
