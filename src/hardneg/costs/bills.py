"""Bills of judges that cost money: what mining, a recipe or an audit will ask of them, found out before it is asked.

The stages up to the judge are gone through with a stand-in that notes each pair down and refuses nothing. A learned
filter before the judge is left out, since it is not fitted yet. So the pairs are those that will be asked about, or
more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import ClassVar

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.filters import Filter, apply_filters
from hardneg.filters.protocol import Fittable, HidesPositives, Scoring
from hardneg.losses.weighted_sum import needs_teacher
from hardneg.negatives.plan import Plan
from hardneg.pipeline.judged_labels import labelled_for
from hardneg.pipeline.scores import pairs_to_score
from hardneg.planting.evidence import plantings_of
from hardneg.planting.planting import Planted
from hardneg.progress import task
from hardneg.recipe import Recipe, Stage, plan_of
from hardneg.scoring.llm.cost import CostEstimate
from hardneg.scoring.protocol import Priced, Scorer
from hardneg.sources import Random, gather

_QUERIES = 4_096  # gathered at a time
_PAIRS = 65_536  # whose texts are read at a time


def estimate_cost(judge: Scorer, dataset: Dataset, pairs: pl.DataFrame) -> list[CostEstimate]:
    """Estimate what it costs to have pairs judged; nothing by a scorer that is free."""
    if not isinstance(judge, Priced):
        return []
    parts = [
        judge.estimate(dataset, part["query"].to_numpy(), part["document"].to_numpy())
        for part in pairs.iter_slices(_PAIRS)
    ]
    return [replace(reduce(add, parts) if parts else CostEstimate(0, 0, 0, 0, None), judge=judge.name)]


def mining_bills(dataset: Dataset, plan: Plan) -> list[CostEstimate]:
    """Estimate what mining will ask of the judges in its filters; without one nothing is done."""
    asked = _Asked()
    if _up_to_judge(plan.filters):
        asked.by_fitting(plan, dataset)
        asked.by_filters([plan], dataset, dataset.queries_of(plan.split))
    return asked.bills(dataset)


def recipe_bills(dataset: Dataset, *recipes: Recipe) -> list[CostEstimate]:
    """Estimate what the stages of recipes will ask of judges, as filters and as teachers, each bill once.

    Verdicts are kept, so recipes that ask about the same pairs pay once; the estimates are for each stage by itself.
    """
    bills = [
        one
        for recipe in recipes
        for stage in recipe.stages
        for one in _stage_bills(recipe, stage, labelled_for(stage.mine, dataset))
    ]
    return list(dict.fromkeys(bills))


def _stage_bills(recipe: Recipe, stage: Stage, dataset: Dataset) -> list[CostEstimate]:
    """Estimate what a stage of a recipe will ask of judges, as filters and as teachers.

    What will be mined is not known yet: for a teacher, as many random documents stand for it. Of a stage that mines
    with the model of an earlier one, nobody knows yet what its filters will ask.
    """
    if not stage.sources:
        return []
    bills = [] if stage.needs else mining_bills(dataset, plan_of(stage, seed=recipe.seed))
    judges = [each for each in recipe.teachers if isinstance(each, Priced)]
    if judges and needs_teacher(stage.train.loss):
        pairs = pairs_to_score(dataset, _as_many_as_mined(stage, dataset), split=stage.mine.split)
        bills += [one for judge in judges for one in estimate_cost(judge, dataset, pairs)]
    return bills


def _as_many_as_mined(stage: Stage, dataset: Dataset) -> pl.DataFrame:
    """Draw as many documents for each query as a stage will mine at most, none of them a positive."""
    queries = dataset.queries_of(stage.mine.split)
    per_query = stage.select.per_query
    most = int(np.unique_counts(dataset.positives.among(queries)[0]).counts.max())
    drawn = Random().retrieve(dataset, queries, per_query + most)
    is_positive = dataset.positives.contains(drawn["query"].to_numpy(), drawn["document"].to_numpy())
    return drawn.filter(~pl.Series(is_positive)).group_by("query", maintain_order=True).head(per_query)


def audit_bills(dataset: Dataset, plans: Iterable[Plan], plantings: Iterable[Planted]) -> list[CostEstimate]:
    """Estimate what an audit will ask of the judges in the filters of its plans; without one nothing is planted."""
    judged = [plan for plan in plans if _up_to_judge(plan.filters)]
    asked = _Asked()
    for plan in judged:
        plan.check(dataset)
    for planted in plantings if judged else ():
        for plan in judged:
            asked.by_fitting(plan, planted.dataset)
        asked.by_filters(judged, planted.dataset, planted.queries)
    return asked.bills(dataset)


@dataclass(frozen=True)
class _StandIn:
    """Takes the place of a filter with a judge, and notes the rows that it would have judged."""

    judge: Priced
    noted: list[Int64[np.ndarray, " rows"]] = field(compare=False, repr=False)

    name: ClassVar[str] = "stand_in"
    exempts_judged: ClassVar[bool] = True

    def annotate(self, candidates: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
        query, document = (candidates[name].to_numpy().astype(np.int64) for name in ("query", "document"))
        self.noted.append(query * dataset.n_documents + document)
        return candidates

    def keep(self, candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:  # noqa: ARG002
        return np.ones(candidates.height, dtype=bool)


class _Asked:
    """The pairs that each judge will be asked about."""

    def __init__(self) -> None:
        self._pairs: dict[Priced, list[Int64[np.ndarray, " rows"]]] = {}

    def by_fitting(self, plan: Plan, dataset: Dataset) -> None:
        """Note what the fits of a plan's filters ask; one that hides nothing sees the candidates that mining sees."""
        for number, filter_ in enumerate(plan.filters):
            asking = replace(plan, filters=plan.filters[: number + 1])
            if isinstance(filter_, HidesPositives) and filter_.fitted is None and _up_to_judge(asking.filters):
                for planted in plantings_of(filter_, plan, dataset)[0]:
                    self.by_filters([asking], planted.dataset, planted.queries)

    def by_filters(self, plans: Sequence[Plan], dataset: Dataset, queries: Int32[np.ndarray, " queries"]) -> None:
        """Note what the filters of plans with equal sources ask about the candidates of some queries."""
        first = plans[0]
        several = dict.fromkeys(tuple(self._with_stand_ins(plan.filters)) for plan in plans)
        with task("counting pairs to judge", total=len(queries), unit="queries") as advance:
            for start in range(0, len(queries), _QUERIES):
                block = queries[start : start + _QUERIES]
                candidates = gather(dataset, first.sources, block, first.depth)
                for filters in several:
                    apply_filters(candidates, dataset, filters)
                advance(len(block))

    def bills(self, dataset: Dataset) -> list[CostEstimate]:
        """Estimate for each judge."""
        bills = []
        for judge, noted in self._pairs.items():
            query, document = np.divmod(np.unique(np.concatenate(noted)), dataset.n_documents)
            pairs = pl.DataFrame({"query": query.astype(np.int32), "document": document.astype(np.int32)})
            bills += estimate_cost(judge, dataset, pairs)
        return bills

    def _with_stand_ins(self, filters: Sequence[Filter]) -> Iterable[Filter]:
        for filter_ in _up_to_judge(filters):
            judge = _judge(filter_)
            if judge is not None:
                yield _StandIn(judge, self._pairs.setdefault(judge, []))
            elif not isinstance(filter_, Fittable) or filter_.fitted is not None:
                yield filter_


def _up_to_judge(filters: Sequence[Filter]) -> Sequence[Filter]:
    """Cut filters off behind the last that has a judge; none are left if none has."""
    places = [number for number, filter_ in enumerate(filters) if _judge(filter_) is not None]
    return filters[: places[-1] + 1] if places else ()


def _judge(filter_: Filter) -> Priced | None:
    return filter_.scorer if isinstance(filter_, Scoring) and isinstance(filter_.scorer, Priced) else None
