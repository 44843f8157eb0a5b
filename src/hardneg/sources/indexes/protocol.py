"""What an index can be asked, whoever runs it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

Metric = Literal["cosine", "dot", "l2"]
Key = str | int  # by which the index itself knows a record
Page = list[tuple[Key, str | None]]  # records, each with the id of the document that it is of, where it has one


@dataclass(frozen=True)
class Facts:
    """What an index says of itself."""

    title: str  # as messages call it: "collection 'docs' at http://localhost:6333"
    n_records: int
    marker: str  # differs where the index has changed, as far as it can tell
    dim: int | None = None  # of its vectors; None where only words are searched for
    metric: Metric | None = None


@runtime_checkable
class Index(Protocol):
    """An index that can list what it holds."""

    def facts(self) -> Facts:
        """Say what there is now."""

    def pages(self) -> Iterator[Page]:
        """List all records, some at a time."""


@runtime_checkable
class VectorIndex(Index, Protocol):
    """An index that finds records by vectors, and gives their vectors."""

    @property
    def most(self) -> int:
        """How many records it gives for a query at most."""

    def nearest(self, vectors: Float32[np.ndarray, "queries dim"], limit: int) -> list[list[Key]]:
        """Give the records nearest to each vector, the best first."""

    def vectors_of(self, keys: Sequence[Key]) -> tuple[list[Key], Float32[np.ndarray, "records dim"]]:
        """Give the vectors of records, in any order; a key that several records have comes as often."""


@runtime_checkable
class TextIndex(Index, Protocol):
    """An index that finds records by words."""

    @property
    def most(self) -> int:
        """How many records it gives for a query at most."""

    def matching(self, texts: Sequence[str], limit: int) -> list[list[tuple[Key, float]]]:
        """Give the records that match each text, with their scores, the best first."""
