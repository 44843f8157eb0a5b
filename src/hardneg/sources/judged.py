"""Documents that somebody judged and found not relevant."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.sources.retrieval import RETRIEVAL_SCHEMA, checked_name


@dataclass(frozen=True)
class Judged:
    """Documents that the labels call not relevant to the query (relevance 0 or below): certain negatives.

    Rank is the order of position: labels say that these documents are wrong, not how wrong.

    Args:
        name: Suffix of its columns.

    Raises:
        RecipeError: The name is empty.
    """

    name: str = "judged"

    reads_split: ClassVar[None] = None
    lists_labelled: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked_name(self.name, kind="judged")

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """List the judged documents of some queries; pairs that another row calls relevant are left out."""
        query, document = dataset.judged_negatives.among(np.sort(block))
        rank = np.arange(len(query)) - np.searchsorted(query, query) + 1
        columns = {"query": query, "document": document, "rank": rank.astype(np.int32), "score": None}
        return pl.DataFrame(columns, schema=RETRIEVAL_SCHEMA).filter(pl.col("rank") <= depth)
