"""What every scorer can do, and what it may also offer."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from hardneg.arrays import Rows, Scores
from hardneg.data.dataset import Dataset
from hardneg.scoring.llm.cost import CostEstimate


@runtime_checkable
class Scorer(Protocol):
    """Something that scores any pair of a query and a document, found by it or not."""

    @property
    def name(self) -> str:
        """Whose score it is, in columns and reports."""

    def score(self, dataset: Dataset, query: Rows, document: Rows) -> Scores:
        """Score pairs.

        Args:
            dataset: Where the texts are.
            query: Positions of queries.
            document: Positions of documents, one for each query.

        Returns:
            A finite score for each pair; larger is more relevant. The score of a pair does not depend on the
            other pairs.
        """


@runtime_checkable
class Fingerprinted(Protocol):
    """A component whose result depends on more than its parameters say: files, weights, prompts.

    Scores of a scorer that has a fingerprint are kept on disk by it and the two texts, and never asked for again.
    """

    def fingerprint(self) -> str:
        """Hash of all that decides the result beside the dataset: a file's content, a model's weights."""


@runtime_checkable
class Priced(Scorer, Protocol):
    """A scorer whose scores cost money, and that can say how much beforehand."""

    def estimate(self, dataset: Dataset, query: Rows, document: Rows) -> CostEstimate:
        """Say what scoring these pairs will take; nothing is sent."""


@runtime_checkable
class SelfStoring(Scorer, Protocol):
    """A scorer that keeps what is dear by itself, such as the vectors of the texts."""

    @property
    def self_storing(self) -> bool:
        """Whether its scores need no store."""


@runtime_checkable
class Scaled(Scorer, Protocol):
    """A scorer that knows the scale of its scores before it has given any."""

    @property
    def squashed(self) -> bool:
        """Whether they lie between 0 and 1 by their nature, as after a sigmoid."""


@runtime_checkable
class Evaluated(Scorer, Protocol):
    """A scorer that was measured on held-out queries; one that ranks worse than what it judges is a finding."""

    @property
    def evaluation(self) -> Path:
        """The `evaluation.json` that says how well it re-ranked, which need not be there."""
