"""What every source can do, and what it may also offer."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.models.given import Loaded
from hardneg.models.protocol import Encoder
from hardneg.scoring.protocol import Fingerprinted, Scorer

if TYPE_CHECKING:  # importing it would load torch
    from hardneg.models.reading import Reading
    from hardneg.search.sharded import Search


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
class Encodes(Source, Protocol):
    """A source that finds documents by the vectors of a two-tower model: with other weights it finds others.

    The score of a pair is the dot product of what its encoder makes of the two texts.
    """

    @property
    def model(self) -> str | Path | Loaded:
        """Name or folder of the model, or the model itself; a recipe gives its own where a component names none."""

    def with_model(self, model: str) -> Self:
        """Give the same source with other weights, those of a checkpoint for instance."""

    def encoder(self) -> Encoder:
        """Give what turns texts into vectors, the same object each time."""


@runtime_checkable
class TextVectors(Protocol):
    """A source that has a vector for each text."""

    def vectors_of_documents(self, dataset: Dataset) -> Float32[np.ndarray, "documents dim"]:
        """Vectors of all documents, by position."""

    def vectors_of_queries(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"]
    ) -> Float32[np.ndarray, "queries dim"]:
        """Vectors of some queries, in the order given."""


@runtime_checkable
class Shardable(Source, Scorer, Protocol):
    """A source that can search a corpus in shards, of which a worker holds one."""

    def sharded(
        self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, limit: int, folder: Path
    ) -> "tuple[Search, Scorer] | None":
        """Cut what it searches into shards of at most so many bytes; None if all of it fits into one.

        The scorer scores pairs as the source does, without what one worker could not hold. `queries` are those that
        will be asked for, in their order; what the search reads may be written to the folder.
        """


@runtime_checkable
class ReadsTexts(Protocol):
    """A source that can say how its model reads a dataset: prompts, precision, and which texts it cuts."""

    def reading(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"] | None = None) -> "Reading | None":
        """Look at the texts, of the queries at those that are given; None where that is not known."""


@runtime_checkable
class MatchesWords(Source, Protocol):
    """A source that finds documents by the words that they share with the query."""

    @property
    def analyzer(self) -> str:
        """How texts are cut into terms."""


@runtime_checkable
class ReadsLabels(Source, Protocol):
    """A source that looks at labels, which is fair for those of the split that is mined alone."""

    @property
    def reads_split(self) -> str | None:
        """The split whose labels it looks at; None for judged negatives, which are known whatever is mined."""

    @property
    def lists_labelled(self) -> bool:
        """Whether it lists labelled documents themselves, so that many queries rightly have none."""


@runtime_checkable
class ReadsMetadata(Protocol):
    """A source or filter whose result depends on metadata, which are no part of a dataset's fingerprint."""

    def metadata_digest(self, dataset: Dataset) -> str:
        """Hash the metadata; a RecipeError or DatasetError says what is not there."""


@runtime_checkable
class Checks(Protocol):
    """A source or filter that can tell before any work that it does not fit a dataset."""

    def check(self, dataset: Dataset, queries: Int32[np.ndarray, " queries"], *, split: str) -> None:
        """Raise an InputError that says what does not fit; `queries` are those of the split that will be asked."""


@runtime_checkable
class TellsFindings(Protocol):
    """A source that has something to say of a dataset: what its index lacks, for instance."""

    def findings(self, dataset: Dataset) -> list[Finding]:
        """Say it."""


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
