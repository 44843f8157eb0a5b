"""What a stronger model takes for an answer."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import TEACHER_SCORE, lowest_positive, with_teacher_score
from hardneg.filters.positive_margin import threshold
from hardneg.scoring.protocol import Fingerprinted, Scorer


@dataclass(frozen=True)
class TeacherThreshold:
    """Refuse what a stronger scorer, the teacher, rates too high.

    With s the teacher's score of a candidate and s+ its lowest score among the query's labelled positives, a
    candidate is kept if s is at most `above`, below `s+ - |s+| * (1 - ratio)` and below `s+ - margin`, each where
    set. A query without a labelled positive has no s+: there only `above` and `relabel_above` count.

    Args:
        scorer: The teacher. It scores each candidate that no filter before this one refused, and the positives.
        above: Candidates that score above it are refused.
        ratio: Share of the positive's score that a candidate must stay below, above 0 and at most 1.
        margin: Distance from the positive's score that a candidate must keep, at least 0.
        relabel_above: Candidates that score above it are answers; at least `above`.
        relabel: Whether these are handed out as found positives; if not, they are refused like the others.

    Raises:
        RecipeError: No bound is set, or a value is out of range.

    References:
        RocketQA, Qu et al. (2021), arXiv:2010.08191, section 3.2: negatives below 0.1, pseudo-positives above 0.9.
        TopK-PercPos (ratio) and TopK-MarginPos (margin) in Moreira et al. (2024), arXiv:2407.15831.
    """

    scorer: Scorer
    above: float | None = None
    ratio: float | None = None
    margin: float | None = None
    relabel_above: float | None = None
    relabel: bool = False

    name: ClassVar[str] = "teacher_threshold"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        bounds = (self.above, self.ratio, self.margin, self.relabel_above)
        if all(bound is None for bound in bounds):
            raise RecipeError("teacher_threshold: no bound is set; set one of above, ratio, margin, say above = 0.1")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise RecipeError(f"teacher_threshold: ratio is {self.ratio}; set it above 0 and at most 1, say 0.95")
        if self.margin is not None and not 0 <= self.margin < np.inf:
            raise RecipeError(f"teacher_threshold: margin is {self.margin}; set it to 0 or more, say 0.05")
        for name in ("above", "relabel_above"):
            if getattr(self, name) is not None and not np.isfinite(getattr(self, name)):
                raise RecipeError(f"teacher_threshold: {name} is {getattr(self, name)}; set it to a number")
        if self.above is not None and self.relabel_above is not None and self.relabel_above < self.above:
            raise RecipeError(
                f"teacher_threshold: relabel_above = {self.relabel_above} lies below above = {self.above}; an answer "
                "must score higher than what is merely refused"
            )
        if self.relabel and self.relabel_above is None:
            raise RecipeError("teacher_threshold: relabel = true needs relabel_above, say relabel_above = 0.9")

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add the teacher's score of every row as `teacher_score`; scores are computed once and kept on disk."""
        return with_teacher_score(candidates, dataset, self.scorer)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what the teacher rates low enough."""
        score = self._scores(candidates, dataset)
        refused = np.zeros(len(score), dtype=bool)
        for bound in (self.above, self.relabel_above):
            if bound is not None:
                refused |= score > bound
        if self.ratio is not None or self.margin is not None:
            positive = lowest_positive(candidates, score, dataset)
            refused |= score >= threshold(positive, ratio=self.ratio, absolute=self.margin)
        return ~refused

    def found(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Mark what the teacher rates so high that it is an answer."""
        if self.relabel_above is None:
            return np.zeros(candidates.height, dtype=bool)
        return self._scores(candidates, dataset) > self.relabel_above

    def fingerprint(self) -> str:
        """Hash of the teacher; empty if it has none."""
        return self.scorer.fingerprint() if isinstance(self.scorer, Fingerprinted) else ""

    def _scores(self, candidates: pl.DataFrame, dataset: Dataset) -> Float64[np.ndarray, " rows"]:
        table = candidates if TEACHER_SCORE in candidates.columns else self.annotate(candidates, dataset)
        return table[TEACHER_SCORE].cast(pl.Float64).to_numpy()
