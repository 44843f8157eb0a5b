"""Answers are never negatives."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset


@dataclass(frozen=True)
class KnownPositives:
    """Refuse the labelled positives of a query, under any id.

    A row is refused if the labels of any split call the document relevant to the query or to a query of the
    same text, or if the document's normalised text (Unicode NFKC, case, white space) equals that of such a
    document. This filter is always on: `apply_filters` puts it first.
    """

    name: ClassVar[str] = "known_positives"
    exempts_judged: ClassVar[bool] = False

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what no label calls an answer."""
        return ~dataset.is_answer(candidates["query"].to_numpy(), candidates["document"].to_numpy())
