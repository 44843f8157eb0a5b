"""Which filter to use for a leakage budget: the hardest negatives among the settings that keep it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from hardneg.audits.frontier import Frontier, frontier
from hardneg.audits.sweep import sweep, teacher_thresholds
from hardneg.data.dataset import Dataset
from hardneg.filters import Filter, Learned
from hardneg.models.store import cache_folder
from hardneg.negatives.plan import Plan
from hardneg.planting.fitting import fit_filters
from hardneg.scoring.protocol import Priced, Scorer

_SHARES_OF_BUDGET = (1.0, 0.5, 0.25)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The filters tried, and the one to use.

    Args:
        frontier: Every setting's audit.
        plans: The plans behind it, by the same names.
        budget: Largest share of the answers that may end up as negatives.
    """

    frontier: Frontier
    plans: dict[str, Plan]
    budget: float

    @property
    def within(self) -> pl.DataFrame:
        """The settings within the budget and with enough coverage, hardest negatives first.

        Hardness is the mean score of what is selected, over the queries that all compared settings cover.
        """
        frame = self.frontier.frame().with_columns(name=pl.Series(list(self.frontier.audits), dtype=pl.String))
        kept = frame.filter(pl.col("compared") & (pl.col("leakage") <= self.budget))
        return kept.sort("equal_score", "name", descending=[True, False])

    @property
    def best(self) -> str | None:
        """Name of the setting with the hardest negatives within the budget; None if none keeps it."""
        names = self.within["name"]
        return names[0] if len(names) else None

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The best setting's filters, empty if none keeps the budget."""
        return () if self.best is None else self.plans[self.best].filters


def calibrate(
    dataset: Dataset,
    plan: Plan,
    *,
    budget: float,
    base: Sequence[Filter] = (),
    further: Sequence[Filter] = (),
    teacher: Scorer | None = None,
    share: float = 0.5,
    seeds: Sequence[int] = (0, 1, 2),
    max_queries: int | None = 1_000,
    floor: float = 0.9,
) -> Calibration:
    """Try the known filters and the learned one, and measure what each lets through.

    The learned filter is fitted on labels that the planting left; the audit's hidden positives are new to it. So
    that enough are left, at most half of the queries with several positives are planted in.
    """
    plans = plans_to_try(plan, budget=budget, base=base, further=further, teacher=teacher)
    folder = cache_folder() / "filters"
    found = frontier(
        dataset,
        plans,
        share=share,
        seeds=seeds,
        max_queries=at_most_half(dataset, plan, max_queries),
        floor=floor,
        fit=lambda each, planted: fit_filters(each, planted, folder / each.key(planted)),
    )
    return Calibration(found, plans, budget)


def plans_to_try(
    plan: Plan,
    *,
    budget: float,
    base: Sequence[Filter] = (),
    further: Sequence[Filter] = (),
    teacher: Scorer | None = None,
) -> dict[str, Plan]:
    """Vary the filters of a plan: the known ones, a teacher's thresholds, and the learned one for parts of a budget."""
    thresholds = () if teacher is None else teacher_thresholds(teacher)
    plans = sweep(plan, base=base, further=(*further, *thresholds))
    for name, scorer in _learned_with(teacher).items():
        for part in _SHARES_OF_BUDGET:
            learned = Learned(budget=budget * part, scorer=scorer)
            plans[f"{name} budget={learned.budget:g}"] = replace(plan, filters=(*base, learned))
    return plans


def _learned_with(teacher: Scorer | None) -> dict[str, Scorer | None]:
    """Name the learned filters to try, and say whose scores each looks at."""
    free = teacher is not None and not isinstance(teacher, Priced)
    return {"learned": None} | ({"learned+teacher": teacher} if free else {})


def at_most_half(dataset: Dataset, plan: Plan, max_queries: int | None) -> int:
    """Leave half of the queries with several positives for fitting."""
    query, document = dataset.pairs_of(plan.split)
    pairs = pl.DataFrame({"query": dataset.query_text_group[query], "text": dataset.text_group[document]})
    several = pairs.unique().group_by("query").len().filter(pl.col("len") > 1).height
    half = max(several // 2, 1)
    return half if max_queries is None else min(half, max_queries)
