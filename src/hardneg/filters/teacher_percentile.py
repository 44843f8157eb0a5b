"""A bound at a percentile of the scores that a teacher gives the labelled positives."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.data.dataset import Dataset
from hardneg.filters.columns import TEACHER_SCORE, numbers, with_teacher_score
from hardneg.filters.positive_bound import below, fit_positives
from hardneg.filters.positive_percentile import check_percentile
from hardneg.filters.protocol import Practice
from hardneg.scoring.protocol import Fingerprinted, Scorer


@dataclass(frozen=True)
class TeacherPercentile:
    """Refuse what a stronger scorer, the teacher, rates as high as the labelled positives, but for their lowest.

    What `PositivePercentile` does with the score of a source, with that of a teacher. Whoever trained it, it must not
    have seen the very labels by which it is judged here: such positives score higher than the answers that nobody
    labelled, and the bound comes to lie too high. A cross-fitted teacher is free of this.

    Args:
        scorer: The teacher. It scores each candidate that no filter before this one refused, and the positives.
        percentile: Share of the answers, in %, that may score below the bound; above 0 and below 100.
        per_query: Whether the bound moves with the query, as in `PositivePercentile`.
        fitted: File of the fitted bound; set by the fitting stage.

    Raises:
        RecipeError: A value is out of range.
    """

    scorer: Scorer
    percentile: float = 10.0
    per_query: bool = False
    fitted: str | None = None

    name: ClassVar[str] = "teacher_percentile"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_percentile(self.name, self.percentile)

    def fit(self, practice: Practice, path: Path) -> dict[str, Any]:
        """Place the bound by the labelled positives of the queries that are mined."""
        positives = self.annotate(practice.positives(), practice.dataset)
        score = numbers(positives[TEACHER_SCORE])
        return fit_positives(positives, score, path, percentile=self.percentile, per_query=self.per_query)

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add the teacher's score of every row as `teacher_score`; scores are computed once and kept on disk."""
        return with_teacher_score(candidates, dataset, self.scorer)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what the teacher rates below the bound of its query."""
        return below(self.fitted, candidates, self._scores(candidates, dataset), dataset, filter_=self.name)

    def fingerprint(self) -> str:
        """Hash of the teacher; empty if it has none."""
        return self.scorer.fingerprint() if isinstance(self.scorer, Fingerprinted) else ""

    def _scores(self, candidates: pl.DataFrame, dataset: Dataset) -> Float64[np.ndarray, " rows"]:
        table = candidates if TEACHER_SCORE in candidates.columns else self.annotate(candidates, dataset)
        return numbers(table[TEACHER_SCORE])
