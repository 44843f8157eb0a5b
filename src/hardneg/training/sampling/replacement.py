"""When a negative has become too easy and makes room for the next."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from hardneg.errors import RecipeError


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """Replace negatives whose score has dropped by the query's next candidates, in the order of the table.

    Each row of a query takes the same `negatives_per_row` negatives, the first of the table, until they are replaced.
    Before every so many steps, those of the rows to come are scored with the current weights. One is replaced if
    `s < s0 - |s0| * (1 - 1 / factor)`, where s0 is its score when it came into use: for positive scores that is
    `s * factor < s0`, and it means "lower" for negative ones too. A query that has no candidate left keeps what it has.

    Args:
        every: Steps between two looks, at least 1.
        factor: How far a score must have dropped, at least 1.
        below: A negative is replaced only if its score is below this, too; None asks for the drop alone.

    Raises:
        RecipeError: A value is out of range.

    References:
        Conan-embedding, Li et al. (2024), arXiv:2408.15710: every 100 steps, factor 1.15.
    """

    every: int = 100
    factor: float = 1.15
    below: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise RecipeError(f"replacement: every is {self.every}; set it to 1 or more, say 100")
        if not 1 <= self.factor < math.inf:
            raise RecipeError(f"replacement: factor is {self.factor}; set it to 1 or more, say 1.15")
        if self.below is not None and not math.isfinite(self.below):
            raise RecipeError(f"replacement: below is {self.below}; set it to a number")

    def dropped(
        self, score: Float32[np.ndarray, " rows"], entry: Float32[np.ndarray, " rows"]
    ) -> Bool[np.ndarray, " rows"]:
        """Mark the negatives that have become too easy.

        >>> score, entry = np.float32([0.5, 0.5, -0.5]), np.float32([0.6, 0.55, -0.4])
        >>> Replacement().dropped(score, entry)
        array([ True, False,  True])
        """
        fallen = score < entry - np.abs(entry) * (1 - 1 / self.factor)
        return fallen if self.below is None else fallen & (score < self.below)
