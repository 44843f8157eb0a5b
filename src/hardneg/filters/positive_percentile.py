"""A bound at a percentile of the scores that the labelled positives have themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import scores
from hardneg.filters.positive_bound import below, fit_positives
from hardneg.filters.protocol import Practice

_WHOLE = 100


@dataclass(frozen=True)
class PositivePercentile:
    """Refuse what scores as high as the labelled positives do, but for the lowest few percent of these.

    A candidate is kept if it scores below the p-th percentile of the scores of labelled positives: of those that some
    source found, for all queries that are mined. So of the unlabelled answers that are found too, at most p % score low
    enough to be kept, on whatever scale the model scores, as far as labels are missing at random. With `per_query` each
    query has a bound of its own, at the same percentile of the distances between a positive and what the other
    positives of its query let expect.

    Fitting is a stage before mining (`mine` and `run` do it), which gathers the candidates of all queries. A refresh
    with newer weights fits anew, on what these find and how they score it.

    Args:
        score: Name of the source whose score is compared.
        percentile: p, above 0 and below 100: the share of the answers, in %, that may score below the bound.
        per_query: Whether the bound moves with the query, which takes queries with two positives or more to learn
            from; if none has, the bound is that of all.
        unscored: What happens to a candidate without this score: "keep" or "drop".
        fitted: File of the fitted bound; set by the fitting stage.

    Raises:
        RecipeError: A value is out of range.

    References:
        Thresholds that cover a given share: Vovk, Gammerman and Shafer (2005), "Algorithmic learning in a random
        world", section 2.2.

    Example:
        >>> PositivePercentile("dense", percentile=5)
        PositivePercentile(score='dense', percentile=5, per_query=False, unscored='keep', fitted=None)
    """

    score: str
    percentile: float = 10.0
    per_query: bool = False
    unscored: Literal["keep", "drop"] = "keep"
    fitted: str | None = None

    name: ClassVar[str] = "positive_percentile"
    exempts_judged: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_percentile(self.name, self.percentile)
        if self.unscored not in ("keep", "drop"):
            raise RecipeError(f'positive_percentile: unscored is {self.unscored!r}; set it to "keep" or "drop"')

    def fit(self, practice: Practice, path: Path) -> dict[str, Any]:
        """Place the bound by the labelled positives of the queries that are mined."""
        return self.refit(practice.positives(), path)

    def refit(self, positives: pl.DataFrame, path: Path) -> dict[str, Any]:
        """Place the bound by some rows of labelled positives."""
        score = scores(positives, self.score)
        return fit_positives(positives, score, path, percentile=self.percentile, per_query=self.per_query)

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
        """Keep what scores below the bound of its query; a score that is not there is a RecipeError."""
        score = scores(candidates, self.score)
        kept = below(self.fitted, candidates, score, dataset, filter_=self.name)
        return kept | (np.isnan(score) & (self.unscored == "keep"))


def check_percentile(filter_: str, percentile: float) -> None:
    """Make sure that a percentile is one."""
    if not 0 < percentile < _WHOLE:
        raise RecipeError(f"{filter_}: percentile is {percentile:g}; set it above 0 and below 100, say 10")
