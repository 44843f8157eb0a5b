"""What every filter can do, and what it may also offer."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.scoring.protocol import Scorer

if TYPE_CHECKING:
    from hardneg.filters.learned.filter import Learned


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


class Practice(Protocol):
    """What a filter is fitted on: a dataset, and candidates as they will reach it."""

    @property
    def dataset(self) -> Dataset:
        """What is mined."""

    @property
    def split(self) -> str:
        """The split whose queries are mined for."""

    def candidates(self) -> pl.DataFrame:
        """Give the candidates of all queries of the split, judged by the filters before this one (`dropped_by`)."""

    def positives(self) -> pl.DataFrame:
        """Give the rows of all labelled positives of these queries, found by a source or not."""

    def find_hidden(self, learned: "Learned", path: Path) -> dict[str, Any]:
        """Hide positives, fit classifiers that tell them from other candidates, and write them to a file."""


@runtime_checkable
class Fittable(Filter, Protocol):
    """A filter that learns from the dataset before it judges; mining fits it once for a plan and a dataset.

    It is a dataclass with the field `fitted`, which mining sets.
    """

    @property
    def fitted(self) -> str | None:
        """The file with what was learnt; None before it was fitted."""

    def fit(self, practice: Practice, path: Path) -> dict[str, Any]:
        """Learn, write to `path`, and tell what was found, for a JSON file beside it."""


Unfitted = TypeVar("Unfitted", bound=Fittable)


def with_fitted(filter_: Unfitted, path: str | None) -> Unfitted:
    """Give a filter that reads what it learnt from a file; None gives one that has learnt nothing."""
    return replace(cast(Any, filter_), fitted=path)


@runtime_checkable
class Refittable(Fittable, Protocol):
    """A filter fitted on the scores of labelled positives, and fitted anew where a refresh scores by newer weights."""

    def refit(self, positives: pl.DataFrame, path: Path) -> dict[str, Any]:
        """Learn from the rows of labelled positives and write to `path`."""


@runtime_checkable
class HidesPositives(Fittable, Protocol):
    """A filter that is fitted on labelled positives that were hidden and mined for like everything else."""

    @property
    def hide(self) -> float:
        """Share of a query's positives that is hidden."""

    @property
    def max_queries(self) -> int:
        """Queries planted in at most."""

    @property
    def seed(self) -> int:
        """Decides what is hidden."""
