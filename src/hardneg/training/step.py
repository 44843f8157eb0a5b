"""One step: texts → vectors → pool → score matrix → mask → loss → gradient."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, Int32
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.masking import Cells, narrow
from hardneg.training.plan import Step, TrainingData, batch_of
from hardneg.training.pool import Batch, Pool, build_pool
from hardneg.training.settings import TrainSettings

Towers = Callable[[list[str], list[str]], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Measured:
    """What one step showed; means are over all batches of the step, over all processes.

    Args:
        loss: Mean over the pairs of the step.
        grad_norm: Length of the gradient before it was cut.
        n_pool: Columns of the last score matrix, of this process.
        positive_mean: Mean score of the positives.
        negative_mean: Mean score of the negatives that the loss saw; no number if it saw none.
        share_above: Share of those negatives that score above their positive; no number if there were none.
        mask_rate: Share of the negatives that the mask left out.
    """

    loss: float
    grad_norm: float
    n_pool: int
    positive_mean: float = math.nan
    negative_mean: float = math.nan
    share_above: float = math.nan
    mask_rate: float = 0.0


def compute_gradient(
    step: Step, data: TrainingData, towers: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings
) -> Measured:
    """Leave the mean gradient of a step's pairs in the parameters.

    Each process takes its slice of every batch and scores it against its own slice's pool. The weights below
    undo that slices and batches differ in length: the gradient is the mean over pairs, not over processes.
    """
    loss, n_pool = torch.zeros((), device=accelerator.device), 0
    counts = torch.zeros(6, device=accelerator.device)
    for at, rows in enumerate(step.batches):
        batch = batch_of(data, rows, epoch=step.epoch, settings=settings)
        mine = batch.part(accelerator.process_index, of=accelerator.num_processes)
        weight = len(mine) * accelerator.num_processes / step.n_pairs
        if not len(mine):  # every process must take part in the exchange of gradients; this one adds zero
            mine = batch.part(0, of=len(batch))
        last = at == len(step.batches) - 1
        with nullcontext() if last else accelerator.no_sync(towers):
            pool = build_pool(
                data.dataset, mine, in_batch=settings.in_batch, shared_negatives=settings.shared_negatives
            )
            whole = score_pool(mine.query, pool, data.dataset, towers)
            matrix = whole
            if settings.mask is not None:
                matrix = narrow(whole, settings.mask, Cells(data.dataset, mine.query, pool.document))
            part = settings.loss(matrix) * weight
            accelerator.backward(part)
        loss, n_pool = loss + part.detach(), len(pool.document)
        if weight:
            counts += _count(whole, matrix)
    grad_norm = accelerator.clip_grad_norm_(towers.parameters(), settings.max_grad_norm or math.inf)
    reduced = accelerator.reduce(counts, "sum")
    return Measured(float(accelerator.reduce(loss, "mean")), float(grad_norm), n_pool, **_shares(reduced.tolist()))


def score(batch: Batch, dataset: Dataset, towers: Towers, *, shared_negatives: bool = True) -> ScoreMatrix:
    """Score the queries of a batch against its pool.

    Args:
        batch: The rows.
        dataset: Texts and labels.
        towers: Turns queries and documents into vectors.
        shared_negatives: Whether a mined negative serves all rows.

    Returns:
        The matrix, on the device of the vectors, with a graph to the weights.
    """
    return score_pool(batch.query, build_pool(dataset, batch, shared_negatives=shared_negatives), dataset, towers)


def score_pool(query: Int32[np.ndarray, " rows"], pool: Pool, dataset: Dataset, towers: Towers) -> ScoreMatrix:
    """Score queries against a pool.

    Args:
        query: Query of each row.
        pool: The columns.
        dataset: Texts and labels.
        towers: Turns queries and documents into vectors.

    Returns:
        The matrix, on the device of the vectors, with a graph to the weights.
    """
    queries, documents = towers(
        dataset.query_texts.gather(query).fill_null("").to_list(),
        dataset.document_texts.gather(pool.document).fill_null("").to_list(),
    )
    return ScoreMatrix(
        scores=queries @ documents.T,
        target=torch.from_numpy(pool.target).to(queries.device),
        allowed=torch.from_numpy(pool.allowed).to(queries.device),
        weight=None if pool.weight is None else torch.from_numpy(pool.weight).to(queries.device),
    )


@torch.no_grad()
def _count(whole: ScoreMatrix, matrix: ScoreMatrix) -> Float[Tensor, " 6"]:
    """Count and add up what `_shares` divides; the loss saw `matrix`, the mask `whole`."""
    scores, positive, negative = matrix.scores, matrix.positive, matrix.is_negative
    sums = (
        torch.full((), len(positive), device=scores.device),
        positive.sum(),
        negative.sum(),
        scores.where(negative, 0.0).sum(),
        (negative & (scores > positive.unsqueeze(1))).sum(),
        whole.is_negative.sum(),
    )
    return torch.stack([each.float() for each in sums])


def _shares(counts: list[float]) -> dict[str, float]:
    n_rows, positive, n_negatives, negative, n_above, n_unmasked = counts
    return {
        "positive_mean": positive / n_rows,
        "negative_mean": negative / n_negatives if n_negatives else math.nan,
        "share_above": n_above / n_negatives if n_negatives else math.nan,
        "mask_rate": 1 - n_negatives / n_unmasked if n_unmasked else 0.0,
    }
