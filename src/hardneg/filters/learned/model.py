"""The fitted classifiers of the learned filter: P(candidate is an answer)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int32, Int64
from scipy.special import expit

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.files import replacing
from hardneg.filters.groups import group_values
from hardneg.filters.learned.features import Features
from hardneg.randomness import bits

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

_FOLD = 3
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class AnswerModel:
    """Classifiers that tell hidden positives from the other candidates, one a fold of queries."""

    features: Features
    classifiers: "tuple[HistGradientBoostingClassifier, ...]"
    slope: float
    intercept: float
    labelled: float
    threshold: float
    seed: int
    group: str | None

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        """Add `p_planted` and `p_positive` to rows."""
        described = self.features.describe(candidates, dataset).to_numpy()
        query, folds = candidates["query"].to_numpy(), len(self.classifiers)
        fold = fold_of(dataset, query, folds=folds, seed=self.seed, group=self.group)
        planted = expit(self.slope * cross_fitted(self.classifiers, described, fold) + self.intercept)
        return candidates.with_columns(
            pl.Series("p_planted", planted, dtype=pl.Float32),
            pl.Series("p_positive", unlabelled(planted, self.labelled), dtype=pl.Float32),
        )

    def save(self, path: Path) -> None:
        """Write the model to a file."""
        import joblib

        with replacing(path) as temporary:
            joblib.dump(self, temporary, compress=3)

    @classmethod
    def load(cls, path: Path) -> "AnswerModel":
        """Read a model back; a missing or damaged file is a RunError. Only open files that you trust: a pickle runs."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise RunError(
                f"{path} cannot be opened ({type(error).__name__}): the learned filter was fitted there; mine again"
            ) from None
        return _load(path, changed)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> AnswerModel:  # noqa: ARG001
    import joblib

    try:
        model = joblib.load(path)
    except Exception as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__}); delete it and mine again") from error
    if not isinstance(model, AnswerModel):
        raise RunError(f"{path} holds no learned filter; delete it and mine again")
    return model


def fit_classifier(
    described: np.ndarray, planted: Bool[np.ndarray, " rows"], *, seed: int
) -> "HistGradientBoostingClassifier":
    """Fit one classifier of hidden positives against all other candidates."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    classifier = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.08,
        max_leaf_nodes=15,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # A column of which nothing is known cannot be cut into bins; as a constant it is never looked at.
    unknown = np.isnan(described).all(axis=0)
    return classifier.fit(np.where(unknown, 0.0, described), planted)


def cross_fitted(
    classifiers: "Sequence[HistGradientBoostingClassifier]",
    described: Float32[np.ndarray, "rows features"],
    fold: Int64[np.ndarray, " rows"],
) -> Float64[np.ndarray, " rows"]:
    """Give each row the log-odds of the classifier that never saw its fold."""
    raw = np.zeros(len(fold))
    for number, classifier in enumerate(classifiers):
        rows = fold == number
        if rows.any():
            raw[rows] = log_odds(classifier, described[rows])
    return raw


def log_odds(classifier: "HistGradientBoostingClassifier", described: np.ndarray) -> Float64[np.ndarray, " rows"]:
    """Give the classifier's log-odds of "was planted"."""
    return np.asarray(classifier.decision_function(described), dtype=np.float64)


def unlabelled(planted: Float64[np.ndarray, " rows"], labelled: float) -> Float64[np.ndarray, " rows"]:
    """P(answer | not planted) from P(planted): (1 - c) / c * g / (1 - g), at most 1.

    References:
        Elkan and Noto (2008), section 2: the weight of an unlabelled example.
    """
    odds = planted / np.maximum(1 - planted, _TINY)
    return np.asarray(np.clip((1 - labelled) / labelled * odds, 0.0, 1.0), dtype=np.float64)


def fold_of(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], *, folds: int, seed: int, group: str | None
) -> Int64[np.ndarray, " rows"]:
    """Assign queries to folds: by their text, or by a metadata column, never by their place."""
    if group is None:
        key = dataset.query_text_group
    else:
        key = group_values(dataset, group).rank("dense").fill_null(0).to_numpy()
    return (bits(seed, _FOLD, key[query]) % np.uint64(folds)).astype(np.int64)
