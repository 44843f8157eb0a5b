"""Near duplicates of a positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.shingles import document_shingles, shares_enough


@dataclass(frozen=True)
class NearDuplicate:
    """Refuse what is nearly the text of one of the query's positives.

    Two texts are compared as sets of shingles, each `shingle_tokens` tokens in a row, by Jaccard similarity:
    the shingles they share over the shingles that either has. The sets are compared exactly, without the
    noise of MinHash.

    Args:
        threshold: Similarity from which a text is refused, above 0 and at most 1.
        shingle_tokens: Tokens of a shingle, at least 1. A text shorter than that is one shingle, so it is
            like another only if their tokens are equal.

    Raises:
        RecipeError: A value is out of range.

    References:
        Broder (1997), "On the resemblance and containment of documents".
    """

    threshold: float = 0.9
    shingle_tokens: int = 3

    name: ClassVar[str] = "near_duplicate"
    exempts_judged: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise RecipeError(f"near_duplicate: threshold is {self.threshold}; set it above 0 and at most 1")
        if self.shingle_tokens < 1:
            raise RecipeError(f"near_duplicate: shingle_tokens is {self.shingle_tokens}; set it to 1 or more")

    def prepare(self, dataset: Dataset) -> None:
        """Shingle the documents."""
        document_shingles(dataset, self.shingle_tokens)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep the rows whose text is like none of their query's positives."""
        answers = dataset.answers
        asked = dataset.query_text_group[candidates["query"].to_numpy()].astype(np.int64)
        near = shares_enough(
            document_shingles(dataset, self.shingle_tokens),
            dataset.text_group[candidates["document"].to_numpy()],
            np.searchsorted(answers.keys, asked * answers.width),
            np.searchsorted(answers.keys, (asked + 1) * answers.width),
            answers.keys % answers.width,
            threshold=self.threshold,
        )
        return ~near
