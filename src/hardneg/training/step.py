"""One step: texts → vectors → pool → score matrix → mask → loss → gradient."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, Float32, Int32
from torch import Tensor

from hardneg.data.dataset import Dataset
from hardneg.losses.score_matrix import ScoreMatrix
from hardneg.training.masks import Cells, narrow
from hardneg.training.passes.gather import Pass, gather_vectors
from hardneg.training.passes.gradient_cache import CachedPass, PlainPass
from hardneg.training.plan import Step, TrainingData, batch_of, pool_of
from hardneg.training.pool.pool import Batch, Pool
from hardneg.training.pool.queue import QueueState, widen
from hardneg.training.pool.sampling_bias import Frequency
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import with_teacher

_LEAST = 1e-12  # chance of a document that the counts know nothing of


@dataclass(frozen=True)
class Measured:
    """What one step showed; means are over all batches of the step."""

    loss: float
    grad_norm: float  # before it was cut
    n_pool: int  # columns of the last score matrix
    positive_mean: float = math.nan
    negative_mean: float = math.nan  # of those that the loss saw; no number without
    share_above: float = math.nan  # of those negatives, above their positive
    mask_rate: float = 0.0  # share of the negatives that the mask left out


def compute_gradient(
    step: Step,
    data: TrainingData,
    towers: torch.nn.Module,
    accelerator: Accelerator,
    settings: TrainSettings,
    *,
    queue: QueueState | None = None,
) -> Measured:
    """Leave the mean gradient of a step's pairs in the parameters.

    All processes score the same whole batch against the same whole pool; each embeds its share of the texts.
    Batches weigh as many as they have pairs. Documents go into the queue after the loss of their batch.

    With a queue the loss is the mean of two: over the pool alone, and over the pool and the queue with no gradient
    into any document. A document that is pulled to its query beside older vectors that stay behind would teach the
    model to tell new vectors from old ones.
    """
    plain = accelerator.unwrap_model(towers)
    loss, counts = torch.zeros((), device=accelerator.device), torch.zeros(6, device=accelerator.device)
    n_pool = 0
    if queue is not None:
        queue.begin_step(plain)
    for at, (rows, turn) in enumerate(step.turns()):
        batch = batch_of(data, rows, epoch=turn, settings=settings)
        pool = pool_of(data, batch, settings)
        if data.mixture is not None:
            plain.use_prompts(*data.mixture.prompts_of(batch.query[0]))
        embed = _pass(towers, accelerator, settings, sync=at == len(step.batches) - 1)
        (queries, documents), pull_back = gather_vectors(*_texts(batch.query, pool, data.dataset), embed, accelerator)
        wide, columns = pool, [documents]
        if queue is not None:
            keys = queue.keys(pool, documents, dataset=data.dataset, accelerator=accelerator)
            if (queued := queue.queued()) is not None:
                wide, columns = widen(pool, queued, dataset=data.dataset, batch=batch), [keys, queued.vectors]
        cells = Cells(data.dataset, batch.query, wide.document)
        whole = with_teacher(_score_matrix(queries, columns, wide), data.teacher, cells)
        whole = with_chances(whole, data, batch, pool, settings)
        matrix = whole if settings.mask is None else narrow(whole, settings.mask, cells)
        part = _loss(matrix, queries, columns, plain, settings)
        if wide is not pool:
            part = (part + _loss(_of_pool(matrix, queries, documents), queries, [documents], plain, settings)) / 2
        part = part * (len(batch) / step.n_pairs)
        of_queries, of_documents = torch.autograd.grad(part, (queries, documents), materialize_grads=True)
        pull_back((of_queries, of_documents))
        if queue is not None:
            queue.take_up(pool, keys, dataset=data.dataset)
        loss, n_pool = loss + part.detach(), len(wide.document)
        counts += _count(whole, matrix)
    if data.mixture is not None:
        plain.use_prompts(None, None)
    grad_norm = accelerator.clip_grad_norm_(towers.parameters(), settings.max_grad_norm or math.inf)
    return Measured(float(loss), float(grad_norm), n_pool, **_shares(counts.tolist()))


def _loss(
    matrix: ScoreMatrix, queries: Tensor, columns: Sequence[Tensor], towers: torch.nn.Module, settings: TrainSettings
) -> Tensor:
    """Compute the loss, or its mean over vectors cut to their first dimensions (matryoshka).

    Which negatives count is decided once, by the whole vectors.

    References:
        Kusupati et al. (2022), arXiv:2205.13147, equation 1 with equal weights.
    """
    if not settings.matryoshka:
        return settings.loss(matrix)
    losses = []
    for size in settings.matryoshka:
        cut = [vectors[:, :size] for vectors in (queries, *columns)]
        if towers.cosine:
            cut = [torch.nn.functional.normalize(vectors, dim=1) for vectors in cut]
        losses.append(settings.loss(replace(matrix, scores=_score_columns(cut[0], cut[1:]))))
    return torch.stack(losses).mean()


def _pass(towers: torch.nn.Module, accelerator: Accelerator, settings: TrainSettings, *, sync: bool) -> Pass:
    if settings.cache_tokens is None:
        return PlainPass(towers, accelerator, sync=sync)
    return CachedPass(towers, accelerator, sync=sync, cache_tokens=settings.cache_tokens)


def _texts(query: Int32[np.ndarray, " rows"], pool: Pool, dataset: Dataset) -> tuple[list[str], list[str]]:
    return (
        dataset.query_texts.gather(query).fill_null("").to_list(),
        dataset.document_texts.gather(pool.document).fill_null("").to_list(),
    )


def _score_columns(
    queries: Float[Tensor, "queries dim"], parts: Sequence[Float[Tensor, "_ dim"]]
) -> Float[Tensor, "queries pool"]:
    """Score queries against the parts of a pool, one beside the other; each is multiplied in its own precision."""
    return torch.cat([(queries.to(part.dtype) @ part.T).to(queries.dtype) for part in parts], dim=1)


def _score_matrix(queries: Tensor, columns: Sequence[Tensor], pool: Pool) -> ScoreMatrix:
    return ScoreMatrix(
        scores=_score_columns(queries, columns),
        target=torch.from_numpy(pool.target).to(queries.device),
        allowed=torch.from_numpy(pool.allowed).to(queries.device),
        weight=None if pool.weight is None else torch.from_numpy(pool.weight).to(queries.device),
    )


def _of_pool(
    matrix: ScoreMatrix, queries: Float[Tensor, "queries dim"], documents: Float[Tensor, "pool dim"]
) -> ScoreMatrix:
    """Leave the columns of the pool, scored by vectors that a gradient flows into."""
    n_pool = len(documents)
    return replace(
        matrix,
        scores=_score_columns(queries, [documents]),
        allowed=matrix.allowed[:, :n_pool],
        teacher=None if matrix.teacher is None else matrix.teacher[:, :n_pool],
        log_q=None if matrix.log_q is None else matrix.log_q[:, :n_pool],
        weight=None if matrix.weight is None else matrix.weight[:, :n_pool],
    )


@torch.no_grad()
def _count(whole: ScoreMatrix, matrix: ScoreMatrix) -> Float[Tensor, " 6"]:
    """Count and add up what `_shares` divides; the loss saw `matrix`, the mask `whole`."""
    scores, positive, negative = matrix.scores, matrix.positive, matrix.is_negative
    unmasked = negative if matrix is whole else whole.is_negative
    sums = (
        torch.full((), len(positive), device=scores.device),
        positive.sum(),
        torch.count_nonzero(negative),
        scores.where(negative, 0.0).sum(),
        torch.count_nonzero(negative & (scores > positive.unsqueeze(1))),
        torch.count_nonzero(unmasked),
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
