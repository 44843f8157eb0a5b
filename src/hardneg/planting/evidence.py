"""What a learned filter rests on: planted answers among candidates, and classifiers cross-fitted on them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import polars as pl
from jaxtyping import Bool, Float32, Float64, Int64
from scipy.special import expit

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.filters import apply_filters
from hardneg.filters.columns import is_positive
from hardneg.filters.learned.features import Features
from hardneg.filters.learned.filter import Learned
from hardneg.filters.learned.model import AnswerModel, cross_fitted, fit_classifier, fold_of
from hardneg.filters.protocol import HidesPositives
from hardneg.negatives.plan import Plan
from hardneg.planting.planting import Planted, plant
from hardneg.progress import task
from hardneg.sources import BM25, gather
from hardneg.sources.protocol import MatchesWords, TextVectors

_BLOCK = 512
_FEW_QUERIES = 600
ENOUGH_ANSWERS = 30
_MAX_PLANTINGS = 4


@dataclass(frozen=True, eq=False)
class Example:
    """One planting's candidates: those rows that were described, and the whole table that selection needs."""

    planted: Planted
    candidates: pl.DataFrame
    row: Int64[np.ndarray, " rows"]
    described: Float32[np.ndarray, "rows features"]
    hidden: Bool[np.ndarray, " rows"]
    fold: Int64[np.ndarray, " rows"]

    @cached_property
    def judged(self) -> Bool[np.ndarray, " rows"]:
        """Rows that were judged not relevant; the filter spares them."""
        query, document = (self.candidates[name].to_numpy()[self.row] for name in ("query", "document"))
        return self.planted.dataset.judged_negatives.contains(query, document)


@dataclass(frozen=True, eq=False)
class Evidence:
    """All of a fit that does not depend on the budget."""

    model: AnswerModel  # its threshold is not chosen yet: not a number
    examples: list[Example]
    known: bool  # whether some queries kept a positive
    hidden: Bool[np.ndarray, " rows"]
    p_planted: Float64[np.ndarray, " rows"]


@dataclass(frozen=True, eq=False)
class Request:
    """What a fit is asked for; equal requests differ in the budget at most."""

    learned: Learned
    plan: Plan
    dataset: Dataset

    @cached_property
    def key(self) -> str:
        """What decides the evidence: everything but the budget and the use of what is found."""
        counted = replace(self.learned, budget=0.5, relabel=False, relabel_above=1.0)
        return replace(self.plan, filters=(*self.plan.filters, counted)).key(self.dataset)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self.key == other.key


@lru_cache(maxsize=1)  # several budgets in a row share what is dear
def evidence_of(request: Request) -> Evidence:
    """Plant, describe, and cross-fit."""
    learned, plan, dataset = request.learned, request.plan, request.dataset
    features = features_of(plan)
    plantings, keeps_positive = plantings_of(learned, plan, dataset)
    total = sum(len(planted.queries) for planted in plantings)
    with task("planting answers", total=total, unit="queries") as advance:
        examples = [_example(planted, learned, plan, features, advance) for planted in plantings]
    described, hidden, fold = (
        np.concatenate([getattr(example, name) for example in examples]) for name in ("described", "hidden", "fold")
    )
    if hidden.sum() < ENOUGH_ANSWERS:
        raise DatasetError(
            f"the learned filter cannot be fitted on {dataset.name}: of the positives hidden, {hidden.sum()} were "
            f"retrieved, and it needs {ENOUGH_ANSWERS}; mine deeper, add a source, raise the filter's max_queries "
            f"(now {learned.max_queries:,}), or use positive_margin instead"
        )
    classifiers = []
    _check_folds(hidden, fold, learned, dataset)
    with task("fitting the learned filter", total=learned.folds, unit="folds") as advance:
        for number in range(learned.folds):
            others = fold != number
            classifiers.append(fit_classifier(described[others], hidden[others], seed=learned.seed))
            advance(1)
    raw = cross_fitted(classifiers, described, fold)
    slope, intercept = _calibrated(raw, hidden)
    p_planted = expit(slope * raw + intercept)
    labelled = float(np.clip(p_planted[hidden].mean(), 1e-6, 1 - 1e-6))
    model = AnswerModel(
        features,
        tuple(classifiers),
        slope=slope,
        intercept=intercept,
        labelled=labelled,
        threshold=math.nan,
        seed=learned.seed,
        group=learned.group,
    )
    return Evidence(model, examples, keeps_positive, hidden, p_planted)


def _check_folds(
    hidden: Bool[np.ndarray, " rows"], fold: Int64[np.ndarray, " rows"], learned: Learned, dataset: Dataset
) -> None:
    """Make sure that each classifier has answers and other candidates to learn from."""
    for number in range(learned.folds):
        others = hidden[fold != number]
        if others.all() or not others.any():  # also where there are none
            missing = "other candidates" if others.any() else "answers"
            grouped = f", or a group of more values than {learned.group!r}" if learned.group else ""
            raise DatasetError(
                f"the learned filter cannot be fitted on {dataset.name}: the queries outside fold {number} of "
                f"{learned.folds} have no {missing}; set another seed or number of folds{grouped}, or mine deeper"
            )


def features_of(plan: Plan) -> Features:
    """Say what to describe candidates of a plan by: its sources, their vectors, and words if none looks at words."""
    vectors = next((source for source in plan.sources if isinstance(source, TextVectors)), None)
    words = () if any(isinstance(source, MatchesWords) for source in plan.sources) else (BM25(name="words"),)
    return Features(plan.split, vectors, words)


def plantings_of(learned: HidesPositives, plan: Plan, dataset: Dataset) -> tuple[list[Planted], bool]:
    """Plant as often as it takes for enough queries to fit on.

    Queries that keep a positive when another is hidden teach most. Where they are few, queries that lose their
    only positive teach the rest: what an answer looks like when nothing is known of the others.
    """
    plantings: list[Planted] = []
    keeps_positive = False
    for least_known in (1, 0):
        n_queries = sum(len(planted.queries) for planted in plantings)
        for number in range(_MAX_PLANTINGS):
            room = learned.max_queries if number else learned.max_queries - n_queries
            again = _planted(learned, plan, dataset, number=number, least_known=least_known, at_most=room)
            if again is None or (number and n_queries + len(again.queries) > learned.max_queries):
                break
            plantings.append(again)
            n_queries += len(again.queries)
            keeps_positive = keeps_positive or least_known == 1
        if n_queries >= _FEW_QUERIES:
            break
    if not plantings:
        raise DatasetError(f"the learned filter cannot be fitted on {dataset.name}: no positive can be hidden")
    return plantings, keeps_positive


def _planted(
    learned: HidesPositives, plan: Plan, dataset: Dataset, *, number: int, least_known: int, at_most: int
) -> Planted | None:
    """Plant once; None if nothing can be hidden. Where whole queries lose their answers, half keep theirs."""
    n_queries = len(np.unique(dataset.query_text_group[dataset.queries_of(plan.split)]))
    try:
        return plant(
            dataset,
            plan.split,
            share=learned.hide,
            seed=learned.seed + number,
            least_known=least_known,
            max_queries=at_most if least_known else min(at_most, n_queries // 2),
        )
    except DatasetError:
        return None


def _example(
    planted: Planted, learned: Learned, plan: Plan, features: Features, advance: Callable[[int], None]
) -> Example:
    tables, described, rows, start = [], [], [], 0
    for block in np.split(planted.queries, range(_BLOCK, len(planted.queries), _BLOCK)):
        table = apply_filters(gather(planted.dataset, plan.sources, block, plan.depth), planted.dataset, plan.filters)
        asked = table["dropped_by"].is_null().to_numpy() | is_positive(table, planted.dataset)
        part = learned.with_teacher(table.filter(asked), planted.dataset)
        undecided = part["dropped_by"].is_null().to_numpy()
        described.append(features.describe(part, planted.dataset).to_numpy()[undecided])
        rows.append(np.flatnonzero(asked)[undecided] + start)
        tables.append(table)
        start += table.height
        advance(len(block))
    candidates = pl.concat(tables)
    row = np.concatenate(rows)
    query, document = (candidates[name].to_numpy()[row] for name in ("query", "document"))
    return Example(
        planted,
        candidates,
        row,
        np.concatenate(described),
        planted.is_hidden(query, document),
        fold_of(planted.dataset, query, folds=learned.folds, seed=learned.seed, group=learned.group),
    )


def _calibrated(raw: Float64[np.ndarray, " rows"], hidden: Bool[np.ndarray, " rows"]) -> tuple[float, float]:
    """Fit slope and intercept of the log-odds on rows that their classifier never saw (Platt 1999)."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e6).fit(raw[:, None], hidden)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
