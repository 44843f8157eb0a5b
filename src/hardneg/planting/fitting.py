"""Fitting the learned filter: plant, describe, cross-fit, calibrate, and choose the threshold for the budget."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float64, Int32

from hardneg.checksums import is_damaged
from hardneg.data.dataset import Dataset
from hardneg.files import replacing
from hardneg.filters import apply_filters
from hardneg.filters.columns import is_positive, numbers
from hardneg.filters.learned.filter import Judge, Learned
from hardneg.filters.learned.model import AnswerModel, unlabelled
from hardneg.filters.protocol import Fittable, with_fitted
from hardneg.negatives import Selection, select
from hardneg.negatives.plan import Plan
from hardneg.planting.evidence import Example, Request, evidence_of
from hardneg.planting.telling import Doubt, doubts_of, margin_score, telling_of
from hardneg.sources import gather

_BLOCK = 4_096


@dataclass(frozen=True)
class Fit:
    """What fitting has shown, on hidden positives that the classifiers asked had never seen."""

    queries: int  # planted in, once for each planting
    hidden: int
    retrieved: int  # of the hidden positives, those among the candidates that no filter before refused
    auc: float
    labelled: float  # the c of Elkan and Noto: mean P(planted) of the hidden positives
    threshold: float  # infinite where the budget is kept without refusing anything
    leakage: float
    coverage: float  # share of the queries that get their number of negatives
    naive_leakage: float  # without the filter
    p_negative: float  # mean P(answer) of the negatives that the filter would hand out
    known: bool  # whether queries kept a positive; if none did, what compares with positives could not be learned
    budget: float
    auc_low: float  # of the 95 % interval of `auc`
    auc_high: float
    p_candidate: float  # mean P(answer) of the candidates that were not planted
    answers: float  # share of answers among the fit's negatives: hidden ones, and of the others the mean P(answer)
    several: float  # share of the queries that are mined for which have more than one positive
    beside: int  # of the retrieved hidden positives, those whose query kept a positive
    auc_beside: float | None  # of the classifiers among the candidates of such queries
    auc_margin: float | None  # of the score relative to the weakest positive, among the same
    doubts: list[Doubt]  # why the filter may not be able to tell here
    judge: Judge  # who judges: the filter, or in doubt "margin"


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """The practice of a filter: a plan that ends before it, on a dataset."""

    plan: Plan
    dataset: Dataset

    @property
    def split(self) -> str:
        """The split whose queries are mined for."""
        return self.plan.split

    def candidates(self) -> pl.DataFrame:
        """Gather and filter the candidates of all queries of the split."""
        blocks = self.plan.blocks(self.dataset, _BLOCK)
        tables = [gather(self.dataset, self.plan.sources, block, self.plan.depth) for block in blocks]
        return pl.concat(apply_filters(table, self.dataset, self.plan.filters) for table in tables)

    def positives(self) -> pl.DataFrame:
        """Gather block by block, and keep the rows of labelled positives."""
        return positives_among(self.plan, self.dataset, self.plan.blocks(self.dataset, _BLOCK))

    def find_hidden(self, learned: Learned, path: Path) -> dict[str, Any]:
        """Fit classifiers of hidden positives."""
        model, report = fit_learned(learned, self.plan, self.dataset)
        model.save(path)
        return asdict(report)


def positives_among(plan: Plan, dataset: Dataset, blocks: Iterable[Int32[np.ndarray, " queries"]]) -> pl.DataFrame:
    """Gather the candidates of blocks of queries, and keep the rows of labelled positives, found or not."""
    tables = (gather(dataset, plan.sources, block, plan.depth) for block in blocks)
    return pl.concat(table.filter(is_positive(table, dataset)) for table in tables)


def fit_filters(plan: Plan, dataset: Dataset, folder: Path) -> Plan:
    """Fit every filter of a plan that can be fitted and is not yet."""
    filters = list(plan.filters)
    for number, filter_ in enumerate(filters):
        if isinstance(filter_, Fittable) and filter_.fitted is None:
            path = folder / f"{filter_.name}-{number}.npz"
            if not path.exists() or is_damaged(path) or is_damaged(path.with_suffix(".json")):
                practice = Rehearsal(replace(plan, filters=tuple(filters[:number])), dataset)
                with replacing(path) as fitted, replacing(path.with_suffix(".json")) as report:
                    report.write_text(json.dumps(filter_.fit(practice, fitted), indent=2) + "\n")
            filters[number] = with_fitted(filter_, str(path.resolve()))
    return replace(plan, filters=tuple(filters))


def fit_learned(learned: Learned, plan: Plan, dataset: Dataset) -> tuple[AnswerModel, Fit]:
    """Fit one learned filter."""
    evidence = evidence_of(Request(learned, plan, dataset))
    hidden, p_planted, labelled = evidence.hidden, evidence.p_planted, evidence.model.labelled
    trial = _trial(evidence.examples, p_planted, plan.select, plan.seed)
    threshold = _threshold(p_planted[hidden], trial, learned.budget)
    tried = trial(threshold, labelled)
    telling = telling_of(evidence, plan, dataset)
    doubts = doubts_of(telling, answers=tried.answers)
    margin = margin_score(plan) if doubts and learned.in_doubt == "margin" else None
    report = Fit(
        queries=sum(len(example.planted.queries) for example in evidence.examples),
        hidden=sum(len(example.planted.hidden) for example in evidence.examples),
        retrieved=int(hidden.sum()),
        auc=telling.whole.value,
        labelled=labelled,
        threshold=threshold,
        leakage=tried.leakage,
        coverage=tried.coverage,
        naive_leakage=trial(np.inf, labelled).leakage,
        p_negative=tried.p_negative,
        known=evidence.known,
        budget=learned.budget,
        auc_low=telling.whole.low,
        auc_high=telling.whole.high,
        p_candidate=float(unlabelled(p_planted[~hidden], labelled).mean()),
        answers=tried.answers,
        several=telling.several,
        beside=telling.beside,
        auc_beside=telling.auc_beside,
        auc_margin=telling.auc_margin,
        doubts=doubts,
        judge="learned" if margin is None else "margin",
    )
    return replace(evidence.model, threshold=threshold, margin=margin), report


@dataclass(frozen=True)
class Trial:
    """What a threshold would let through."""

    leakage: float
    coverage: float
    p_negative: float
    answers: float


def _trial(
    examples: list[Example], p_planted: Float64[np.ndarray, " rows"], selection: Selection, seed: int
) -> Callable[[float, float], Trial]:
    """Make a function that says what a threshold would let through."""
    cuts = np.cumsum([len(example.row) for example in examples])[:-1]
    parts = list(zip(examples, np.split(p_planted, cuts), strict=True))

    def leakage(threshold: float, labelled: float) -> Trial:
        leaked = total = full = queries = 0
        estimates: list[Float64[np.ndarray, " rows"]] = []
        certain: list[Float64[np.ndarray, " rows"]] = []
        for example, p in parts:
            refused = np.zeros(example.candidates.height, dtype=bool)
            refused[example.row[(p >= threshold) & ~example.judged]] = True
            verdict = pl.when(pl.Series(refused)).then(pl.lit("learned")).otherwise("dropped_by").alias("dropped_by")
            whole = np.full(example.candidates.height, np.nan)
            whole[example.row] = unlabelled(p, labelled)
            table = example.candidates.with_columns(verdict, p_positive=pl.Series(whole, dtype=pl.Float32))
            chosen = select(table, example.planted.dataset, selection, seed=seed)
            hidden = example.planted.is_hidden(chosen["query"].to_numpy(), chosen["document"].to_numpy())
            leaked, total = leaked + int(hidden.sum()), total + len(example.planted.hidden)
            lengths = chosen.group_by("query").len()["len"]
            full, queries = full + int((lengths >= selection.per_query).sum()), queries + len(example.planted.queries)
            estimate = numbers(chosen["p_positive"])
            estimates.append(estimate[~np.isnan(estimate)])
            certain.append(np.where(hidden, 1.0, estimate)[~np.isnan(estimate)])
        pooled, answers = np.concatenate(estimates), np.concatenate(certain)
        some = len(pooled) > 0
        return Trial(
            leaked / total,
            full / queries,
            float(pooled.mean()) if some else 0.0,
            float(answers.mean()) if some else 0.0,
        )

    return leakage


def _threshold(
    p_hidden: Float64[np.ndarray, " hidden"],
    trial: Callable[[float, float], Trial],
    budget: float,
) -> float:
    """Find the highest threshold within the budget, among the probabilities of hidden positives.

    Between two of these nothing hidden changes sides. Leakage grows with the threshold but for candidates that
    crowd each other out, so bisection finds one within the budget, next to the highest.
    """
    if trial(np.inf, 0.5).leakage <= budget:
        return float("inf")
    grid = np.unique(np.quantile(p_hidden, np.linspace(0, 1, 401), method="inverted_cdf"))
    low, high = -1, len(grid) - 1  # grid[low] is within the budget, grid[high] is not yet known to be
    while low < high:
        middle = (low + high + 1) // 2
        if trial(float(grid[middle]), 0.5).leakage <= budget:
            low = middle
        else:
            high = middle - 1
    return float(grid[max(low, 0)])
