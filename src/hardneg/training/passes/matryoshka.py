"""One loss over several lengths of the same vectors."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from hardneg.losses.protocol import Loss
from hardneg.losses.score_matrix import ScoreMatrix


def score_columns(
    queries: Float[Tensor, "queries dim"], parts: Sequence[Float[Tensor, "_ dim"]]
) -> Float[Tensor, "queries pool"]:
    """Score queries against the parts of a pool, one beside the other; each is multiplied in its own precision."""
    return torch.cat([(queries.to(part.dtype) @ part.T).to(queries.dtype) for part in parts], dim=1)


def nested_loss(
    loss: Loss,
    matrix: ScoreMatrix,
    queries: Float[Tensor, "queries dim"],
    parts: Sequence[Float[Tensor, "_ dim"]],
    *,
    dimensions: tuple[int, ...],
    cosine: bool,
) -> Float[Tensor, ""]:
    """Average a loss over vectors that are cut to their first dimensions.

    Which negatives count is decided once, by the whole vectors.

    References:
        Kusupati et al. (2022), arXiv:2205.13147, equation 1 with equal weights.
    """
    found = []
    for size in dimensions:
        cut = [vectors[:, :size] for vectors in (queries, *parts)]
        if cosine:
            cut = [torch.nn.functional.normalize(vectors, dim=1) for vectors in cut]
        found.append(loss(replace(matrix, scores=score_columns(cut[0], cut[1:]))))
    return torch.stack(found).mean()
