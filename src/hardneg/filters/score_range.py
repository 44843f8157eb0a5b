"""A range of scores."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import scores


@dataclass(frozen=True)
class ScoreRange:
    """Refuse what scores outside fixed bounds.

    Fixed bounds know nothing of the query, and each model has its own scale: `PositiveMargin` is usually the
    better filter. This one fits a calibrated score, such as a cross-encoder's probability.

    Args:
        score: Name of the source whose score is meant.
        low: Lowest score that may serve, included; None for no bound.
        high: Highest score that may serve, included; None for no bound.
        unscored: What happens to rows without this score: "keep" or "drop".

    Raises:
        RecipeError: There is no bound, the range is empty, or `unscored` is unknown.

    References:
        TopK-Abs in Moreira et al. (2024), arXiv:2407.15831; RocketQA's bound of 0.1 on a cross-encoder, Qu et
        al. (2021), arXiv:2010.08191.
    """

    score: str
    low: float | None = None
    high: float | None = None
    unscored: Literal["keep", "drop"] = "keep"

    name: ClassVar[str] = "score_range"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise RecipeError("score_range: neither low nor high is set; set at least one")
        if self.low is not None and self.high is not None and not self.low <= self.high:
            raise RecipeError(f"score_range: low = {self.low} is above high = {self.high}; swap or mend them")
        if self.unscored not in ("keep", "drop"):
            raise RecipeError(f'score_range: unscored is {self.unscored!r}; set it to "keep" or "drop"')

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:  # noqa: ARG002
        """Keep the rows whose score lies in the range; a score that is not there is a RecipeError."""
        score = scores(candidates, self.score)
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        unknown = np.isnan(score) if self.unscored == "keep" else np.zeros(len(score), dtype=bool)
        return ((score >= low) & (score <= high)) | unknown
