"""Leaving negatives out at the moment of a step, because they look like answers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.training.pool.pool import judged_negative

if TYPE_CHECKING:  # a recipe names masks on machines without torch
    import torch

    import hardneg.losses.score_matrix


@dataclass(frozen=True, eq=False)
class Cells:
    """What the rows and columns of a score matrix stand for."""

    dataset: Dataset
    query: Int32[np.ndarray, " rows"]
    document: Int32[np.ndarray, " pool"]


@runtime_checkable
class Mask(Protocol):
    """Decides which cells of a score matrix may be negatives. Masks are frozen dataclasses, known by their `repr`."""

    def prepare(self, dataset: Dataset, query: Int32[np.ndarray, " queries"]) -> None:
        """Do the work that should not wait for the first step.

        Args:
            dataset: Texts and labels.
            query: Queries that will be trained on.
        """

    def fingerprint(self) -> str:
        """Hash of all that decides the mask beside its `repr` and the scores; empty if nothing does."""

    def keep(self, matrix: "hardneg.losses.score_matrix.ScoreMatrix", cells: Cells) -> "torch.Tensor":
        """Say which cells may stay negatives.

        Args:
            matrix: The scores and what is allowed so far.
            cells: What its rows and columns stand for.

        Returns:
            `True` where the document may be a negative of the query, of the shape of the scores, without a graph.
            What it says of targets and of judged negatives is not looked at.
        """


def narrow(
    matrix: "hardneg.losses.score_matrix.ScoreMatrix", mask: Mask, cells: Cells
) -> "hardneg.losses.score_matrix.ScoreMatrix":
    """Leave out the negatives that a mask takes for answers.

    Targets stay, and so do documents that a label calls not relevant to the query: the label knows better.
    """
    import torch

    with torch.no_grad():
        known = torch.from_numpy(judged_negative(cells.dataset, cells.query, cells.document))
        kept = mask.keep(matrix, cells) | known.to(matrix.scores.device)
        allowed = (matrix.allowed & kept).scatter(1, matrix.target.unsqueeze(1), True)
    return replace(matrix, allowed=allowed)
