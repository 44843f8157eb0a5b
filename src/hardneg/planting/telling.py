"""Whether the fit of a learned filter shows that it can tell answers from negatives, and if not, why not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.stats import rankdata

from hardneg.data.dataset import Dataset
from hardneg.filters.columns import lowest_positive, scores
from hardneg.negatives.plan import Plan
from hardneg.planting.evidence import ENOUGH_ANSWERS, Evidence, Example
from hardneg.sources.protocol import TextVectors

Doubt = Literal["one answer each", "answers left"]
# Beyond these a fit is doubted. Of the sets measured, those of the one kind have 0 to 9 % of queries with several
# positives, the others from 24 % on; one kind 20 % of answers among its negatives and more, the others 2 % at most.
_FEW_SEVERAL = 0.15
_MANY_ANSWERS = 0.1
_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Auc:
    """An area under the curve and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Telling:
    """How well hidden answers were told from the other candidates, over all and where it counts."""

    whole: Auc
    several: float  # share of the queries that are mined for which have more than one positive
    beside: int  # hidden answers whose query kept a positive, as every query that is mined for has one
    auc_beside: float | None  # of the classifiers, among the candidates of such queries; None if there are none
    auc_margin: float | None  # of the score relative to the weakest positive, among the same


def telling_of(evidence: Evidence, plan: Plan, dataset: Dataset) -> Telling:
    """Measure how well the classifiers of a fit tell, and how well the margin does on the same rows."""
    beside = np.concatenate([_beside(each) for each in evidence.examples])
    ratio = np.concatenate([_ratio(each, margin_score(plan)) for each in evidence.examples])
    query = np.concatenate([_text_of_query(each) for each in evidence.examples])
    compared = beside & ~np.isnan(ratio)
    hidden, p = evidence.hidden, evidence.p_planted
    whole = clustered_auc(p, hidden, query)
    assert whole is not None, "a fit has hidden answers and other candidates"
    by_classifiers = clustered_auc(p[compared], hidden[compared], query[compared])
    by_margin = clustered_auc(ratio[compared], hidden[compared], query[compared])
    return Telling(
        whole,
        several=_several(dataset, plan.split),
        beside=int((hidden & beside).sum()),
        auc_beside=None if by_classifiers is None else by_classifiers.value,
        auc_margin=None if by_margin is None else by_margin.value,
    )


def doubts_of(telling: Telling, *, answers: float) -> list[Doubt]:
    """List why a fit does not show that the filter can tell; `answers` is their share among the fit's negatives."""
    doubts: list[Doubt] = []
    if telling.beside < ENOUGH_ANSWERS or telling.several < _FEW_SEVERAL:
        doubts.append("one answer each")
    if answers > _MANY_ANSWERS:
        doubts.append("answers left")
    return doubts


def margin_score(plan: Plan) -> str:
    """Name the source by whose score a margin would judge: the first with vectors, else the first."""
    vectors = (source for source in plan.sources if isinstance(source, TextVectors))
    return next(vectors, plan.sources[0]).name


def clustered_auc(
    value: Float64[np.ndarray, " rows"], positive: Bool[np.ndarray, " rows"], cluster: Int64[np.ndarray, " rows"]
) -> Auc | None:
    """Compute the area under the ROC curve and its interval where rows of one cluster depend on each other.

    None if one of the two kinds has no rows.

    References:
        Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, equations 4 to 7.
    """
    n_positive, n_other = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_other == 0:
        return None
    among_all = rankdata(value)
    placement = np.empty(len(value))  # share of the other kind that a row is ordered rightly against
    placement[positive] = (among_all[positive] - rankdata(value[positive])) / n_other
    placement[~positive] = 1 - (among_all[~positive] - rankdata(value[~positive])) / n_positive
    area = float(placement[positive].mean())
    _, number = np.unique(cluster, return_inverse=True)
    n_clusters = int(number.max()) + 1
    weight = np.where(positive, 1 / n_positive, 1 / n_other)
    sums = np.bincount(number, weights=weight * (placement - area), minlength=n_clusters)
    error = np.sqrt((sums**2).sum() * n_clusters / max(n_clusters - 1, 1))
    return Auc(area, max(0.0, area - _Z * float(error)), min(1.0, area + _Z * float(error)))


def _several(dataset: Dataset, split: str) -> float:
    query, document = dataset.pairs_of(split)
    texts = np.unique(np.stack([dataset.query_text_group[query], dataset.text_group[document]]), axis=1)[0]
    return float((np.unique(texts, return_counts=True)[1] > 1).mean())


def _beside(example: Example) -> Bool[np.ndarray, " rows"]:
    positives = example.planted.dataset.positives
    return np.isin(example.candidates["query"].to_numpy()[example.row], positives.keys // positives.width)


def _ratio(example: Example, score: str) -> Float64[np.ndarray, " rows"]:
    values = scores(example.candidates, score)
    positive = lowest_positive(example.candidates, values, example.planted.dataset)
    distance = np.divide(
        values - positive, np.abs(positive), out=np.full(len(values), np.nan), where=np.abs(positive) > 0
    )
    return distance[example.row]


def _text_of_query(example: Example) -> Int64[np.ndarray, " rows"]:
    text = example.planted.dataset.query_text_group[example.candidates["query"].to_numpy()[example.row]]
    return text.astype(np.int64)
