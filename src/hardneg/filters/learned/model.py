"""The fitted classifiers of the learned filter: P(candidate is an answer)."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.special import expit

from hardneg.arrays import Rows
from hardneg.components import Room, as_json, pick
from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text
from hardneg.data.text import digest
from hardneg.errors import RecipeError, RunError
from hardneg.files import from_json, opened_arrays, replacing
from hardneg.filters.learned.features import Features
from hardneg.place import Place
from hardneg.randomness import bits
from hardneg.scoring.protocol import Scorer
from hardneg.search._kernels.compiled import compiled, frozen, in_threads
from hardneg.sources.protocol import TextVectors

_FOLD = 3
_TINY = 1e-6
_PLAIN = ("slope", "intercept", "labelled", "threshold", "seed", "group", "margin")
_VECTORS, _SCORER = Room("source", {}, protocol=TextVectors), Room("scorer", {}, protocol=Scorer)
_WHOLE = ("feature_idx", "left", "right", "missing_go_to_left", "is_leaf")
_NODE = np.dtype([("value", "<f8"), ("num_threshold", "<f8"), *((name, "<i8") for name in _WHOLE)])


@dataclass(frozen=True, eq=False)
class Trees:
    """Boosted trees that answer with log-odds: all their nodes, and where each tree's begin."""

    base: float
    start: Int64[np.ndarray, " trees"]
    nodes: np.ndarray  # children are counted from the start of their tree


@dataclass(frozen=True, eq=False)
class AnswerModel:
    """Classifiers that tell hidden positives from the other candidates, one a fold of queries."""

    features: Features
    classifiers: tuple[Trees, ...]  # the one at i never saw a query of fold i
    slope: float  # of the calibration of their log-odds
    intercept: float
    labelled: float  # Elkan and Noto's c: the share of all answers among the candidates that were planted
    threshold: float  # rows of at least this p_planted are refused
    seed: int  # of the folds
    group: str | None  # column of the queries whose equal values share a fold
    margin: str | None = None  # source by whose score a margin judges, since the classifiers cannot tell

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
        """Write the model to a file of plain arrays; what it looks at is named as a recipe names components."""
        vectors, scorers = self.features.vectors, self.features.scorers
        try:
            state = {name: getattr(self, name) for name in _PLAIN} | {
                "split": self.features.split,
                "vectors": None if vectors is None else as_json(vectors, _VECTORS),
                "scorers": [as_json(scorer, _SCORER) for scorer in scorers],
                "base": [trees.base for trees in self.classifiers],
            }
        except TypeError as error:
            raise RunError(f"{path}: the learned filter cannot be kept, since it looks at {error}") from None
        arrays: dict[str, Any] = {f"start{i}": trees.start for i, trees in enumerate(self.classifiers)}
        arrays |= {f"nodes{i}": trees.nodes for i, trees in enumerate(self.classifiers)}
        with replacing(path, sums=False) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, state=np.array(json.dumps(state)), **arrays)

    @classmethod
    def load(cls, path: Path) -> "AnswerModel":
        """Read a model back; a missing or damaged file is a RunError, and so is one of an earlier version."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise RunError(
                f"{path} cannot be opened ({type(error).__name__}): the learned filter was fitted there; mine again"
            ) from None
        return _load(path, changed)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> AnswerModel:  # noqa: ARG001
    if path.suffix == ".joblib":
        raise RunError(f"{path} was fitted by an earlier version of hardneg, as a pickle; mine again, which fits anew")
    try:
        with opened_arrays(path) as arrays:
            if "state" not in arrays:
                raise RunError(f"{path} holds no learned filter; delete it and mine again")
            state = {"margin": None} | from_json(str(arrays["state"]))
            classifiers = tuple(
                Trees(float(base), arrays[f"start{i}"], arrays[f"nodes{i}"]) for i, base in enumerate(state["base"])
            )
            for trees in classifiers:
                _check(trees)
    except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__}); delete it and mine again") from error
    place = Place(path, foreign=True)
    vectors = None if state["vectors"] is None else pick(_VECTORS, state["vectors"], place)
    scorers = tuple(pick(_SCORER, table, place) for table in state["scorers"])
    return AnswerModel(
        Features(state["split"], vectors, scorers), classifiers, **{name: state[name] for name in _PLAIN}
    )


def _check(trees: Trees) -> None:
    """Refuse trees that could be climbed out of memory, or for ever; machine code climbs them and looks at nothing."""
    start, nodes = trees.start, trees.nodes
    if nodes.dtype != _NODE or nodes.ndim != 1 or start.ndim != 1 or start.dtype != np.int64 or not len(start):
        raise ValueError("no trees")
    ends = np.append(start[1:], len(nodes))
    if start[0] != 0 or (start >= ends).any():
        raise ValueError("trees out of order")
    tree = np.searchsorted(start, np.arange(len(nodes)), side="right") - 1
    here, size = np.arange(len(nodes)) - start[tree], (ends - start)[tree]
    inner = nodes["is_leaf"] == 0
    for child in ("left", "right"):  # a child stands behind its parent, so that every climb ends
        if ((nodes[child] <= here) | (nodes[child] >= size))[inner].any():
            raise ValueError("a child outside of its tree")
    if (nodes["feature_idx"] < 0)[inner].any():
        raise ValueError("a feature that there is not")


def fit_classifier(described: np.ndarray, planted: Bool[np.ndarray, " rows"], *, seed: int) -> Trees:
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
    classifier.fit(np.where(unknown, 0.0, described), planted)
    nodes = [tree.nodes[list(_NODE.names or ())].astype(_NODE) for (tree,) in classifier._predictors]
    start = np.cumsum([0, *map(len, nodes)])[:-1]
    return Trees(float(classifier._baseline_prediction.item()), start, np.concatenate(nodes))


def cross_fitted(
    classifiers: Sequence[Trees], described: Float32[np.ndarray, "rows features"], fold: Int64[np.ndarray, " rows"]
) -> Float64[np.ndarray, " rows"]:
    """Give each row the log-odds of the classifier that never saw its fold."""
    raw = np.zeros(len(fold))
    for number, classifier in enumerate(classifiers):
        rows = fold == number
        if rows.any():
            raw[rows] = log_odds(classifier, described[rows])
    return raw


def log_odds(classifier: Trees, described: np.ndarray) -> Float64[np.ndarray, " rows"]:
    """Give the classifier's log-odds of "was planted"."""
    rows = frozen(np.asarray(described, dtype=np.float64))
    if classifier.nodes["feature_idx"].max() >= rows.shape[1]:
        raise RunError(
            f"the learned filter looks at other than the {rows.shape[1]} features that there are; mine again"
        )
    odds = np.full(len(rows), classifier.base)
    start, nodes = frozen(classifier.start), frozen(classifier.nodes)
    in_threads(len(rows), lambda part: _climb(rows, start, nodes, odds, *part))
    return odds


@compiled
def _climb(  # noqa: PLR0917
    rows: npt.NDArray[np.float64],
    start: npt.NDArray[np.int64],
    nodes: npt.NDArray[Any],
    odds: npt.NDArray[np.float64],
    first: int,
    stop: int,
) -> None:
    """Add to the log-odds of some rows what each tree says of them, tree by tree as scikit-learn adds."""
    for row in range(first, stop):
        for root in start:
            node = nodes[root]
            while not node["is_leaf"]:
                value = rows[row, node["feature_idx"]]
                goes_left = node["missing_go_to_left"] if np.isnan(value) else value <= node["num_threshold"]
                node = nodes[root + (node["left"] if goes_left else node["right"])]
            odds[row] += node["value"]


def unlabelled(planted: Float64[np.ndarray, " rows"], labelled: float) -> Float64[np.ndarray, " rows"]:
    """P(answer | not planted) from P(planted): (1 - c) / c * g / (1 - g), at most 1.

    References:
        Elkan and Noto (2008), section 2: the weight of an unlabelled example.
    """
    odds = planted / np.maximum(1 - planted, _TINY)
    return np.asarray(np.clip((1 - labelled) / labelled * odds, 0.0, 1.0), dtype=np.float64)


def fold_of(dataset: Dataset, query: Rows, *, folds: int, seed: int, group: str | None) -> Int64[np.ndarray, " rows"]:
    """Assign queries to folds: by their text, or by a metadata column, never by their place."""
    if group is None:
        key = dataset.query_text_group
    else:
        key = group_values(dataset, group).rank("dense").fill_null(0).to_numpy()
    return (bits(seed, _FOLD, key[query]) % np.uint64(folds)).astype(np.int64)


def group_values(dataset: Dataset, group: str) -> pl.Series:
    """Give the value of each query in a metadata column, as text."""
    if group not in dataset.queries.columns:
        columns = ", ".join(name for name in dataset.queries.columns if name not in ("id", "text")) or "no metadata"
        raise RecipeError(
            f"learned: group names the column {group!r}, but the queries have: {columns}; name one of these"
        )
    return as_text(dataset.queries[group])


def group_digest(dataset: Dataset, group: str) -> str:
    """Hash the values of a metadata column, which are no part of a dataset's fingerprint."""
    return digest(group_values(dataset, group).fill_null("\0"))
