"""A mask by the scores of the model that is being trained."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.training.masks.masking import Cells

if TYPE_CHECKING:  # a recipe names masks on machines without torch
    import torch

    import hardneg.losses.score_matrix


@dataclass(frozen=True)
class OwnScore:
    """Leave out negatives that the model being trained scores clearly above the positive.

    A negative stays if `s_ij <= s_it + margin`. It costs nothing, and needs a model that is good to begin with:
    what a weak model confuses most is just what it should learn from.

    Args:
        margin: How far a negative may score above the positive, in units of the score, from 0.

    Raises:
        RecipeError: The margin is out of range.

    References:
        Qwen3-Embedding (2025), arXiv:2506.05176: the mask of its contrastive loss, with margin 0.1.
    """

    margin: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise RecipeError(f"margin of own_score must be 0 or more, not {self.margin}")

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Do nothing: the scores are made in the step."""

    def fingerprint(self) -> str:
        """Give nothing: the scores decide."""
        return ""

    def keep(self, matrix: "hardneg.losses.score_matrix.ScoreMatrix", cells: Cells) -> "torch.Tensor":  # noqa: ARG002
        """Keep what does not score above the positive by more than the margin."""
        return ~(matrix.scores.detach() > matrix.positive.detach().unsqueeze(1) + self.margin)
