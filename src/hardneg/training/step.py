"""One step: texts → vectors → pool → score matrix → loss → gradient."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.plan import Step, TrainingData, batch_of
from hardneg.training.pool import Batch, build_pool
from hardneg.training.settings import TrainSettings


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


def compute_gradient(
    step: Step, data: TrainingData, towers: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings
) -> Measured:
    """Leave the mean gradient of a step's pairs in the parameters.

    Each process takes its slice of every batch and scores it against its own slice's pool. The weights below
    undo that slices and batches differ in length: the gradient is the mean over pairs, not over processes.
    """
    loss, n_pool = torch.zeros((), device=accelerator.device), 0
    for at, rows in enumerate(step.batches):
        batch = batch_of(data, rows, epoch=step.epoch, settings=settings)
        mine = batch.part(accelerator.process_index, of=accelerator.num_processes)
        weight = len(mine) * accelerator.num_processes / step.n_pairs
        if not len(mine):  # every process must take part in the exchange of gradients; this one adds zero
            mine = batch.part(0, of=len(batch))
        last = at == len(step.batches) - 1
        with nullcontext() if last else accelerator.no_sync(towers):
            matrix = score(mine, data.dataset, towers, shared_negatives=settings.shared_negatives)
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
