"""An empty document is no negative."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.data.unfit import empty_documents


@dataclass(frozen=True)
class Empty:
    """Refuse documents with neither title nor text: they teach nothing. This filter is always on."""

    name: ClassVar[str] = "empty"
    exempts_judged: ClassVar[bool] = False

    def prepare(self, dataset: Dataset) -> None:
        """Look for empty documents."""
        empty_documents(dataset)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what has a text."""
        return ~empty_documents(dataset)[candidates["document"].to_numpy()]
