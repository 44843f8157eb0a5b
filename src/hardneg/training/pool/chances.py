"""The chance with which each document came into the pool of each row, for losses that correct for it."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float32

from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.plan import TrainingData
from hardneg.training.pool.frequency import Counted, Frequency, Streaming
from hardneg.training.pool.pool import Batch, Pool
from hardneg.training.sampling.batches import MinedNegatives, even_sizes
from hardneg.training.settings import TrainSettings

_LEAST = 1e-12  # chance of a document that the counts know nothing of


def counted(data: TrainingData, settings: TrainSettings) -> TrainingData:
    """Make ready what knows how often documents come into the pool."""
    asked = settings.log_q
    if asked is None or isinstance(data.frequency, Streaming):
        return data
    if asked.estimate == "streaming":
        watching = Streaming(rate=asked.rate, buckets=asked.buckets, tables=asked.tables, seed=settings.seed)
        return replace(data, frequency=watching)
    shared = data.negatives if settings.shared_negatives and isinstance(data.negatives, MinedNegatives) else None
    counts = Counted(
        data.dataset,
        data.query,
        data.document,
        negatives=shared,
        per_row=settings.negatives_per_row,
        batch_size=int(even_sizes(len(data.query), settings.batch_size).max()),
    )
    return replace(data, frequency=counts)


def with_chances(
    matrix: ScoreMatrix, data: TrainingData, batch: Batch, pool: Pool, settings: TrainSettings
) -> ScoreMatrix:
    """Add to a score matrix what its documents' chances are; unchanged if nobody asks."""
    if data.frequency is None or settings.log_q is None:
        return matrix
    log_q = torch.from_numpy(_log_q(data, data.frequency, batch, pool, settings))
    return replace(matrix, log_q=log_q.to(matrix.scores.device))


def _log_q(
    data: TrainingData, frequency: Frequency, batch: Batch, pool: Pool, settings: TrainSettings
) -> Float32[np.ndarray, "rows pool"]:
    group = data.dataset.text_group[pool.document]
    of_column = np.log(np.maximum(frequency.chance(group), _LEAST)).astype(np.float32)
    log_q = np.tile(of_column, (len(batch), 1))
    if not settings.shared_negatives:  # mined for this row and met by no other: there by choice
        column = np.searchsorted(group, data.dataset.text_group[batch.negative])
        log_q[batch.negative_row, column] = 0.0
    if settings.log_q is not None and settings.log_q.positive == "uncorrected":
        log_q[np.arange(len(batch)), pool.target] = 0.0
    return log_q
