"""What every source can do."""

from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset


@runtime_checkable
class Source(Protocol):
    """A place where candidates come from.

    A source that can score pairs it did not find has a method `score` too, which makes it a `Scorer`.
    """

    @property
    def name(self) -> str:
        """Suffix of its columns `rank.<name>` and `score.<name>`; distinct within a recipe."""

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Find documents for some queries.

        What is found for a query does not depend on the rest of the block. Known answers may be among it: `gather`
        asks for more than the depth of a plan, so that as many others are left.

        Args:
            dataset: What to search.
            block: Positions of the queries, without repeats.
            depth: Documents for each query at most, at least 1.

        Returns:
            Columns `query`, `document` (int32 positions), `rank` (int32, from 1 without gaps) and `score`
            (float32, larger is better; null if the source has none), sorted by query and rank.
        """


@runtime_checkable
class Fingerprinted(Protocol):
    """A source or filter whose result depends on files that its parameters only name."""

    def fingerprint(self) -> str:
        """Hash of the files' contents."""


@runtime_checkable
class ReadsMetadata(Protocol):
    """A source or filter whose result depends on metadata, which are no part of a dataset's fingerprint."""

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the metadata; a RecipeError or DatasetError says what is not there."""


def identity(component: object, dataset: Dataset | None = None) -> str:
    """Describe a source or a filter such that equal descriptions give equal results on equal datasets.

    Args:
        component: The source or filter.
        dataset: Whose metadata count, where the component reads some; None leaves them out.

    Returns:
        The description.

    Raises:
        InputError: A file that the component names cannot be read, or metadata that it reads are not there.
    """
    parts = [repr(component)]
    parts += [component.fingerprint()] if isinstance(component, Fingerprinted) else []
    if dataset is not None and isinstance(component, ReadsMetadata):
        parts.append(component.metadata_digest(dataset))
    return " ".join(parts)
