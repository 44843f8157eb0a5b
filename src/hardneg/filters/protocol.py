"""What a filter is."""

from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.scoring.protocol import Scorer


@runtime_checkable
class Filter(Protocol):
    """A reason why a candidate may not be a negative.

    A filter judges and never deletes: `apply_filters` records its verdict in the column `dropped_by`. Its
    verdict on a row depends on that row and on its query's labelled positives alone, so the order of the
    rows and the other queries of a block change nothing.
    """

    @property
    def name(self) -> str:
        """What `dropped_by` records for the rows that this filter refuses."""

    @property
    def exempts_judged(self) -> bool:
        """Whether documents judged not relevant are spared: a label is surer than a score."""

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Say which rows may be negatives.

        Args:
            candidates: Columns `query`, `document` and, for each source, `rank.<source>`, `score.<source>`;
                the rows of labelled positives are among them.
            dataset: The dataset whose positions the rows use.

        Returns:
            `True` where the row may be a negative.
        """


@runtime_checkable
class Annotating(Filter, Protocol):
    """A filter that knows something of a row before it judges: a teacher's score, a probability.

    What it knows is dear, so it is asked only about rows that no earlier filter has refused, and about those of
    labelled positives.
    """

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add columns to the rows, which stay as they are and in their order."""


@runtime_checkable
class Scoring(Filter, Protocol):
    """A filter that may ask a scorer."""

    @property
    def scorer(self) -> Scorer | None:
        """Whom it asks, or None."""


@runtime_checkable
class Grouping(Filter, Protocol):
    """A filter whose verdicts depend on metadata of the queries too."""

    @property
    def group(self) -> str | None:
        """The column whose equal values stay together, or None."""


@runtime_checkable
class Relabelling(Filter, Protocol):
    """A filter that can tell an answer, not only a row that had better be no negative."""

    @property
    def relabel(self) -> bool:
        """Whether the answers that it finds are handed out as positives."""

    def found(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Say which rows are answers; `candidates` as `keep` sees them."""
