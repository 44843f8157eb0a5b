"""What a run trains on, and in which steps: decided before the first of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.training.batches import MinedNegatives, assemble, epoch_batches
from hardneg.training.pool import Batch, build_pool
from hardneg.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What is trained on.

    Args:
        dataset: Texts and labels.
        query: Query of each pair, ascending.
        document: Its positive.
        negatives: Mined negatives of each query.
    """

    dataset: Dataset
    query: Int32[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]
    negatives: MinedNegatives


@dataclass(frozen=True, eq=False)
class Step:
    """The batches between two moves of the weights.

    Args:
        epoch: From 0.
        batches: Pair numbers of each batch.
    """

    epoch: int
    batches: list[Int64[np.ndarray, " rows"]]

    @property
    def n_pairs(self) -> int:
        """Pairs of all batches."""
        return sum(len(rows) for rows in self.batches)


def plan_steps(data: TrainingData, settings: TrainSettings) -> list[Step]:
    """Lay out all epochs, by the pairs and the settings alone, so that a resumed run finds its place."""
    steps = []
    for epoch in range(settings.epochs):
        batches = epoch_batches(
            data.dataset,
            data.query,
            data.document,
            batch_size=settings.batch_size,
            epoch=epoch,
            seed=settings.seed,
        )
        steps += [
            Step(epoch, batches[at : at + settings.accumulate]) for at in range(0, len(batches), settings.accumulate)
        ]
    return steps


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


def check_plan(steps: list[Step], data: TrainingData, settings: TrainSettings, *, n_processes: int) -> None:
    """Make sure that training can move the weights: some pair must meet a negative.

    The search ends at the first such pair, nearly always in the first batch.

    Args:
        steps: All steps of the run.
        data: What is trained on.
        settings: How.
        n_processes: Processes among which each batch is divided.

    Raises:
        RunError: No pair of the whole run is ever scored against a document that may be its negative.
    """
    for step in steps:
        for rows in step.batches:
            batch = batch_of(data, rows, epoch=step.epoch, settings=settings)
            parts = [batch.part(index, of=n_processes) for index in range(n_processes)]
            for part in filter(len, parts):
                pool = build_pool(
                    data.dataset, part, in_batch=settings.in_batch, shared_negatives=settings.shared_negatives
                )
                if pool.allowed.sum() > len(part):
                    return
    raise RunError(
        f"nothing can be learned from the {len(data.query)} training pairs: no query is ever scored against a document "
        "that does not answer it; mine negatives (hardneg mine) or give pairs of different queries and documents"
        + (f", or train with fewer than {n_processes} processes, which divide each batch" if n_processes > 1 else "")
    )
