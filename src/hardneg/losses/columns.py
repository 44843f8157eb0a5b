"""Logits of the negatives, weights included, and the softmax over them and the positive.

A weight w multiplies the exponential of a negative, which adds log w to its logit. A document that came into the pool
with chance q counts 1 / q times, for all those that were not drawn, which takes log q from its logit.
"""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from hardneg.errors import RunError
from hardneg.losses.score_matrix import ScoreMatrix


def positive_logits(matrix: ScoreMatrix, temperature: float, *, margin: float = 0.0) -> Float[Tensor, " queries"]:
    """Divide the scores of the targets, less a margin, by a temperature and take what `log_q` says from them."""
    logits = (matrix.positive - margin) / temperature
    if matrix.log_q is not None:
        logits = logits - matrix.log_q.gather(1, matrix.target.unsqueeze(1)).squeeze(1)
    return logits


def negative_logits(matrix: ScoreMatrix, temperature: float) -> Float[Tensor, "queries pool"]:
    """Divide scores by a temperature, add log-weights and take log-chances; minus infinity where no negative is."""
    logits = matrix.scores / temperature
    if matrix.log_q is not None:
        logits = logits - matrix.log_q
    if matrix.weight is not None:
        logits = logits + matrix.weight.log()
    return logits.masked_fill(~matrix.is_negative, -math.inf)


def log_total(
    matrix: ScoreMatrix, positive: Float[Tensor, " queries"], negative: Float[Tensor, "queries pool"]
) -> Float[Tensor, " queries"]:
    """Compute `log(exp(positive) + sum exp(negative))`, each positive in its place among the columns."""
    return _placed(matrix, positive, negative).logsumexp(dim=1)


def cross_entropy(
    matrix: ScoreMatrix, positive: Float[Tensor, " queries"], negative: Float[Tensor, "queries pool"]
) -> Float[Tensor, " queries"]:
    """`-log(exp(positive) / (exp(positive) + sum exp(negative)))`, zero where a row has no negative."""
    return functional.cross_entropy(_placed(matrix, positive, negative), matrix.target, reduction="none")


def _placed(
    matrix: ScoreMatrix, positive: Float[Tensor, " queries"], negative: Float[Tensor, "queries pool"]
) -> Float[Tensor, "queries pool"]:
    return negative.scatter(1, matrix.target.unsqueeze(1), positive.unsqueeze(1))


def given_teacher(matrix: ScoreMatrix, *, loss: str) -> Float[Tensor, "queries pool"]:
    """Take the teacher's scores of a matrix; a RunError names the loss if there are none."""
    if matrix.teacher is None:
        raise RunError(f"{loss} learns from a teacher's scores, but the score matrix has none; give it `teacher`")
    return matrix.teacher.to(matrix.scores.dtype)
