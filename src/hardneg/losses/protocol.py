"""What every loss can do."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:  # a recipe names losses and settings on machines without torch
    import torch

    import hardneg.losses.score_matrix


@runtime_checkable
class Loss(Protocol):
    """A function of a score matrix. Losses are frozen dataclasses, known by their `repr`."""

    def __call__(self, matrix: "hardneg.losses.score_matrix.ScoreMatrix") -> "torch.Tensor":
        """Reduce a score matrix to the mean loss of its queries.

        Args:
            matrix: Scores of at least one query.

        Returns:
            A scalar with a graph to `matrix.scores`.
        """
