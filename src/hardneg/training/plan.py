"""What a run trains on, and in which steps: decided before the first of them."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.training.batches import Negatives, assemble, epoch_batches
from hardneg.training.frequency import Frequency
from hardneg.training.pool import Batch, Pool, build_pool
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What is trained on.

    Args:
        dataset: Texts and labels.
        query: Query of each pair, ascending.
        document: Its positive.
        negatives: Mined negatives of each query.
        teacher: Scores of a teacher; None without one.
        frequency: How often documents come into the pool; None if nobody asks.
    """

    dataset: Dataset
    query: Int32[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]
    negatives: Negatives
    teacher: TeacherScores | None = None
    frequency: Frequency | None = None

    def at(self, progress: float) -> "TrainingData":
        """Give the data with the negatives as they are drawn at a moment of the run, from 0 to 1."""
        return replace(self, negatives=self.negatives.at(progress))


@dataclass(frozen=True, eq=False)
class Step:
    """The batches between two moves of the weights.

    Args:
        epoch: From 0.
        batches: Pair numbers of each batch.
        progress: How far the run is: 0 at its first step, 1 at its last.
    """

    epoch: int
    batches: list[Int64[np.ndarray, " rows"]]
    progress: float = 0.0

    @property
    def n_pairs(self) -> int:
        """Pairs of all batches."""
        return sum(len(rows) for rows in self.batches)


def plan_steps(data: TrainingData, settings: TrainSettings) -> list[Step]:
    """Lay out all epochs, by the pairs and the settings alone, so that a resumed run finds its place.

    Args:
        data: What is trained on.
        settings: Batch size, epochs or steps, and seed.

    Returns:
        The steps, at least one.

    Raises:
        RunError: There is no pair to train on, so that no number of epochs would ever make a step.
    """
    if not len(data.query):
        raise RunError(
            f"there is no pair of {data.dataset.name} to train on; name a split with positives, or label some"
        )
    steps: list[Step] = []
    most = settings.max_steps
    for epoch in range(settings.epochs) if most is None else itertools.count():
        if most is not None and len(steps) >= most:
            break
        batches = epoch_batches(
            data.dataset,
            data.query,
            data.document,
            batch_size=settings.batch_size,
            epoch=epoch,
            seed=settings.seed,
            repeat_documents=settings.repeat_documents,
        )
        steps += [
            Step(epoch, batches[at : at + settings.accumulate]) for at in range(0, len(batches), settings.accumulate)
        ]
    steps = steps[:most]
    return [replace(step, progress=number / max(1, len(steps) - 1)) for number, step in enumerate(steps)]


def batch_of(data: TrainingData, rows: Int64[np.ndarray, " rows"], *, epoch: int, settings: TrainSettings) -> Batch:
    """Give the pairs of one batch of a step their mined negatives."""
    return assemble(
        rows,
        data.query,
        data.document,
        data.negatives,
        per_row=settings.negatives_per_row,
        epoch=epoch,
        seed=settings.seed,
    )


def pool_of(dataset: Dataset, batch: Batch, settings: TrainSettings) -> Pool:
    """Pool the documents of a batch, open to its rows as the settings say."""
    return build_pool(dataset, batch, in_batch=settings.in_batch, shared_negatives=settings.shared_negatives)


def check_plan(steps: list[Step], data: TrainingData, settings: TrainSettings) -> None:
    """Make sure that training can move the weights: some pair must meet a negative.

    The search ends at the first such pair, nearly always in the first batch.

    Args:
        steps: All steps of the run.
        data: What is trained on.
        settings: How.

    Raises:
        RunError: No pair of the whole run is ever scored against a document that may be its negative.
    """
    for step in steps:
        for rows in step.batches:
            batch = batch_of(data.at(step.progress), rows, epoch=step.epoch, settings=settings)
            pool = pool_of(data.dataset, batch, settings)
            if pool.allowed.sum() > len(batch):
                return
    raise RunError(
        f"nothing can be learned from the {len(data.query)} training pairs: no query is ever scored against a document "
        "that does not answer it; mine negatives (hardneg mine) or give pairs of different queries and documents"
    )
