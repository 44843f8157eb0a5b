"""A margin below the weakest positive."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import lowest_positive, scores, suffixes


@dataclass(frozen=True)
class PositiveMargin:
    """Refuse what scores too close to the query's weakest positive, or above it.

    A candidate that scores like the positive is often an answer that nobody labelled. With s+ the lowest
    score among the query's labelled positives, a candidate is kept if its score is below
    `s+ - |s+| * (1 - ratio)` and below `s+ - absolute`, each where set.

    Args:
        ratio: Share of the positive's score that a candidate must stay below, above 0 and at most 1: 0.95
            keeps what scores below 95 % of the positive. None for no such bound.
        absolute: Distance that must lie between the two, at least 0. None for no such bound.
        score: Name of the source whose score is compared. None compares each source's own
            score, and a candidate is refused if any source that scored it and a positive refuses it.
        unscored: What happens to a candidate that cannot be compared, because it has no score or none of the
            query's positives has one: "keep" or "drop".

    Raises:
        RecipeError: Neither bound is set, or a value is out of range.

    References:
        TopK-PercPos (ratio) and TopK-MarginPos (absolute) in Moreira et al. (2024), arXiv:2407.15831.

    Example:
        >>> PositiveMargin(ratio=0.95, score="dense")
        PositiveMargin(ratio=0.95, absolute=None, score='dense', unscored='keep')
    """

    ratio: float | None = None
    absolute: float | None = None
    score: str | None = None
    unscored: Literal["keep", "drop"] = "keep"

    name: ClassVar[str] = "positive_margin"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.ratio is None and self.absolute is None:
            raise RecipeError("positive_margin: neither ratio nor absolute is set; set at least one, say ratio = 0.95")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise RecipeError(f"positive_margin: ratio is {self.ratio}; set it above 0 and at most 1, say 0.95")
        if self.absolute is not None and not 0 <= self.absolute < np.inf:
            raise RecipeError(f"positive_margin: absolute is {self.absolute}; set it to 0 or more, say 0.05")
        if self.unscored not in ("keep", "drop"):
            raise RecipeError(f'positive_margin: unscored is {self.unscored!r}; set it to "keep" or "drop"')

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what scores clearly below the weakest positive; a score that is not there is a RecipeError."""
        compared = np.zeros(candidates.height, dtype=bool)
        refused = np.zeros(candidates.height, dtype=bool)
        for name in suffixes(candidates, "score") if self.score is None else [self.score]:
            score = scores(candidates, name)
            positive = lowest_positive(candidates, score, dataset)
            comparable = ~np.isnan(score) & ~np.isnan(positive)
            compared |= comparable
            refused |= comparable & ~(score < threshold(positive, ratio=self.ratio, absolute=self.absolute))
        return ~refused & (compared | (self.unscored == "keep"))


def threshold(
    positive: Float64[np.ndarray, " rows"], *, ratio: float | None, absolute: float | None
) -> Float64[np.ndarray, " rows"]:
    """Give the score that a candidate must stay below.

    The ratio takes a share of the positive's magnitude, so the threshold lies below the positive also when
    scores are negative, where `ratio * positive` would lie above it.

    >>> threshold(np.array([0.8, -0.8]), ratio=0.95, absolute=None)
    array([ 0.76, -0.84])
    """
    bound = positive
    if ratio is not None:
        bound = positive - np.abs(positive) * (1 - ratio)
    if absolute is not None:
        bound = np.minimum(bound, positive - absolute)
    return bound
