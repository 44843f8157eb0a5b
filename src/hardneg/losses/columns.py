"""Logits of the negatives, weights included, and the softmax over them and the positive.

A weight w multiplies the exponential of a negative, which adds log w to its logit.
"""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from hardneg.losses.score_matrix import ScoreMatrix


def negative_logits(matrix: ScoreMatrix, temperature: float) -> Float[Tensor, "queries pool"]:
    """Divide scores by a temperature and add log-weights; minus infinity where a column is no negative."""
    logits = matrix.scores / temperature
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
