"""What it costs to look at a model while it is trained."""

from dataclasses import dataclass

from hardneg.costs.speeds import Speeds
from hardneg.data.dataset import DEVELOPMENT, Dataset
from hardneg.sources.protocol import Encodes
from hardneg.training.watch.settings import Watch


@dataclass(frozen=True)
class SplitSize:
    """How much of what a look takes time for there is."""

    queries: int
    answers: int  # labelled pairs
    documents: int  # of the whole dataset

    @classmethod
    def of(cls, dataset: Dataset, split: str | None) -> "SplitSize | None":
        """Count a split; None takes the one for development. None is given back if there is none."""
        split = split or next((name for name in DEVELOPMENT if name in dataset.splits), None)
        if split is None or split not in dataset.splits:
            return None
        queries, answers = len(dataset.queries_of(split)), len(dataset.pairs_of(split)[0])
        return cls(queries, answers, dataset.n_documents)


@dataclass(frozen=True)
class Looks:
    """How often a training is looked at, and at how many texts."""

    every: float  # steps between two looks
    queries: int
    documents: int  # at most: what BM25 finds for two queries may be the same
    whole: SplitSize | None  # measured at the end; None if that is not done

    @classmethod
    def of(cls, watch: Watch, size: SplitSize, *, epoch_steps: int) -> "Looks":
        """Count what a watch looks at."""
        every = float(watch.every) if isinstance(watch.every, int) else max(watch.every * epoch_steps, 1.0)
        queries = size.queries if watch.queries == "all" else min(watch.queries, size.queries)
        documents = size.documents
        if watch.beside != "all":
            answers = -(-size.answers * queries // max(size.queries, 1))
            documents = min(documents, answers + queries * watch.hard + watch.beside)
        return cls(every, queries, documents, size if watch.whole else None)

    def times(self, steps: int) -> int:
        """Count the looks at a sample in so many steps, the one before the first among them."""
        return 1 + int(-(-steps // self.every))

    def each_s(self, speeds: Speeds, encoder: Encodes) -> float:
        """Predict the time of a look."""
        return speeds.encoding(encoder, documents=self.documents, queries=self.queries)

    def whole_s(self, speeds: Speeds, encoder: Encodes) -> float:
        """Predict the time of the last one, at everything."""
        whole = self.whole
        return 0.0 if whole is None else speeds.encoding(encoder, documents=whole.documents, queries=whole.queries)

    def seconds(self, steps: int, speeds: Speeds, encoder: Encodes) -> float:
        """Predict the time of all looks at one training."""
        return self.times(steps) * self.each_s(speeds, encoder) + self.whole_s(speeds, encoder)
