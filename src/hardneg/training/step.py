"""One step: texts → vectors → pool → score matrix → loss → gradient."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Int32, Int64
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.batches import MinedNegatives, assemble, epoch_batches
from hardneg.training.pool import Batch, build_pool
from hardneg.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class Material:
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


@dataclass(frozen=True)
class Measured:
    """What one step showed.

    Args:
        loss: Mean over the pairs of the step, over all processes.
        grad_norm: Length of the gradient before it was cut.
        n_pool: Columns of the last score matrix, of this process.
    """

    loss: float
    grad_norm: float
    n_pool: int


def plan_steps(material: Material, settings: TrainSettings) -> list[Step]:
    """Lay out all epochs, by the pairs and the settings alone, so that a resumed run finds its place."""
    steps = []
    for epoch in range(settings.epochs):
        batches = epoch_batches(
            material.dataset,
            material.query,
            material.document,
            batch_size=settings.batch_size,
            epoch=epoch,
            seed=settings.seed,
        )
        steps += [
            Step(epoch, batches[at : at + settings.accumulate]) for at in range(0, len(batches), settings.accumulate)
        ]
    return steps


def compute_gradient(
    step: Step, material: Material, towers: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings
) -> Measured:
    """Leave the mean gradient of a step's pairs in the parameters.

    Each process takes its slice of every batch and scores it against its own slice's pool. The weights below
    undo that slices and batches differ in length: the gradient is the mean over pairs, not over processes.
    """
    loss, n_pool = torch.zeros((), device=accelerator.device), 0
    for at, rows in enumerate(step.batches):
        batch = assemble(
            rows,
            material.query,
            material.document,
            material.negatives,
            per_row=settings.negatives_per_row,
            epoch=step.epoch,
            seed=settings.seed,
        )
        mine = batch.part(accelerator.process_index, of=accelerator.num_processes)
        weight = len(mine) * accelerator.num_processes / step.n_pairs
        if not len(mine):  # every process must take part in the exchange of gradients; this one adds zero
            mine = batch.part(0, of=len(batch))
        last = at == len(step.batches) - 1
        with nullcontext() if last else accelerator.no_sync(towers):
            matrix = score(mine, material.dataset, towers, shared_negatives=settings.shared_negatives)
            part = settings.loss(matrix) * weight
            accelerator.backward(part)
        loss, n_pool = loss + part.detach(), matrix.scores.shape[1]
    grad_norm = accelerator.clip_grad_norm_(towers.parameters(), settings.max_grad_norm or math.inf)
    return Measured(float(accelerator.reduce(loss, "mean")), float(grad_norm), n_pool)


def score(
    batch: Batch,
    dataset: Dataset,
    towers: Callable[[list[str], list[str]], tuple[Tensor, Tensor]],
    *,
    shared_negatives: bool = True,
) -> ScoreMatrix:
    """Score the queries of a batch against its pool.

    Args:
        batch: The rows.
        dataset: Texts and labels.
        towers: Turns queries and documents into vectors.
        shared_negatives: Whether a mined negative serves all rows.

    Returns:
        The matrix, on the device of the vectors, with a graph to the weights.
    """
    pool = build_pool(dataset, batch, shared_negatives=shared_negatives)
    queries, documents = towers(
        dataset.query_texts.gather(batch.query).fill_null("").to_list(),
        dataset.document_texts.gather(pool.document).fill_null("").to_list(),
    )
    return ScoreMatrix(
        scores=queries @ documents.T,
        target=torch.from_numpy(pool.target).to(queries.device),
        allowed=torch.from_numpy(pool.allowed).to(queries.device),
    )
