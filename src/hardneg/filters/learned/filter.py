"""A filter fitted on the user's own labels: how likely is it that a candidate is an answer nobody labelled?"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import with_teacher_score
from hardneg.filters.learned.likeness import word_sets
from hardneg.filters.learned.model import AnswerModel
from hardneg.filters.positive_margin import PositiveMargin
from hardneg.filters.protocol import Practice
from hardneg.scoring.protocol import Fingerprinted, Scorer

Judge = Literal["margin", "learned"]
_RATIO = 0.95  # of the margin that judges in doubt, as in the default filters


@dataclass(frozen=True)
class Learned:
    """Refuse what resembles the answers that were labelled, under a budget of answers that may slip through.

    Some labelled positives are hidden and mined for like everything else; a classifier learns to tell them from
    the other candidates by how they stand to the query and to its other positives (`Features`). The threshold is
    the highest at which the share of hidden positives that end up as negatives stays within the budget. Each
    query is judged by a classifier that was fitted without it.

    Where the fit does not show that the filter can tell answers here, a margin of 0.95 below the weakest positive
    judges in its place (`in_doubt`), and a finding says so (HN007).

    Fitting is a stage before mining (`mine` and `run` do it); it plants by the same sources, filters and
    selection as the recipe's.

    Args:
        budget: Share of the answers among all documents that may end up as negatives, above 0 and below 1. It is
            kept for answers that were labelled, and so for unlabelled ones as far as labels are missing at random.
        folds: Parts of the queries that are fitted without each other, at least 2.
        hide: Share of a query's positives that is hidden, above 0 and below 1.
        max_queries: Queries planted in at most; more cost time and change little.
        group: Metadata column of the queries; queries with equal values stay in one fold. None for no groups.
        scorer: A teacher whose scores the classifier looks at too; None for none. It scores each candidate that no
            filter before this one refused, and the positives, when the filter is fitted and when it is applied. It
            must not have been trained on the very labels that are hidden, unless it is cross-fitted.
        relabel: Whether candidates of a `p_positive` above `relabel_above` are handed out as positives.
        relabel_above: From where on a candidate counts as an answer, in (0, 1].
        in_doubt: Who judges where the fit does not show that the filter can tell: "margin", a margin of 0.95 on the
            first source that compares vectors, else on the first source; or "learned", the filter all the same.
        seed: Decides what is hidden and which queries share a fold.
        fitted: File of the fitted classifiers; set by the fitting stage.

    Raises:
        RecipeError: A value is out of range.

    References:
        Learning from positive and unlabelled examples: Elkan and Noto (2008), equations 1 to 4.
    """

    budget: float = 0.01
    folds: int = 5
    hide: float = 0.5
    max_queries: int = 4_000
    group: str | None = None
    scorer: Scorer | None = None
    relabel: bool = False
    relabel_above: float = 0.95
    seed: int = 0
    fitted: str | None = None
    in_doubt: Judge = "margin"

    name: ClassVar[str] = "learned"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for key in ("budget", "hide"):
            if not 0 < getattr(self, key) < 1:
                raise RecipeError(f"learned: {key} is {getattr(self, key)}; set it above 0 and below 1")
        if not 0 < self.relabel_above <= 1:
            raise RecipeError(f"learned: relabel_above is {self.relabel_above}; set it above 0 and at most 1")
        if self.folds < 2:
            raise RecipeError(f"learned: folds is {self.folds}; set it to 2 or more, say 5")
        if self.in_doubt not in get_args(Judge):
            raise RecipeError(f'learned: in_doubt is {self.in_doubt!r}; set it to "margin" or "learned"')
        if self.max_queries < 1:
            raise RecipeError(f"learned: max_queries is {self.max_queries}; set it to 1 or more, say 4000")

    def __repr__(self) -> str:
        """Show the settings; `in_doubt` where it is not the default, so that what was mined before keeps its name."""
        shown = [each.name for each in fields(self) if each.name != "in_doubt" or self.in_doubt != "margin"]
        return f"Learned({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def fit(self, practice: Practice, path: Path) -> dict[str, Any]:
        """Fit the classifiers on hidden positives, and tell what they are worth."""
        return practice.find_hidden(self, path)

    def prepare(self, dataset: Dataset) -> None:
        """Cut the texts into words."""
        word_sets(dataset)

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add `p_planted`, by which rows are judged, and `p_positive`, the estimate of P(unlabelled answer)."""
        return self._model().annotate(self.with_teacher(candidates, dataset), dataset)

    def with_teacher(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add the teacher's scores as `teacher_score`, if there is a teacher."""
        return candidates if self.scorer is None else with_teacher_score(candidates, dataset, self.scorer)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what is too unlikely an answer to break the budget; in doubt, what a margin keeps."""
        model = self._model()
        if model.margin is not None:
            return PositiveMargin(ratio=_RATIO, score=model.margin).keep(candidates, dataset)
        # The column has 32 bits, and so has the threshold here: what the fit refused at it is refused again.
        return self._judged(candidates, dataset)["p_planted"].to_numpy() < np.float32(model.threshold)

    def found(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Say which rows are answers beyond reasonable doubt."""
        return self._judged(candidates, dataset)["p_positive"].to_numpy() >= np.float32(self.relabel_above)

    def fingerprint(self) -> str:
        """Hash of the teacher; empty without one, and if it has none."""
        return self.scorer.fingerprint() if isinstance(self.scorer, Fingerprinted) else ""

    def _judged(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        return candidates if "p_planted" in candidates.columns else self.annotate(candidates, dataset)

    def _model(self) -> AnswerModel:
        if self.fitted is None:
            raise RecipeError(
                "learned: the filter was not fitted; mine with `hardneg mine` or `run`, they fit it first"
            )
        return AnswerModel.load(Path(self.fitted))
