"""Which filter to use for a leakage budget: the hardest negatives among the settings that keep it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import polars as pl

from hardneg.arguments import check_places
from hardneg.audits.frontier import Frontier, frontier
from hardneg.audits.sweep import sweep, teacher_thresholds
from hardneg.components import as_table
from hardneg.costs.bills import audit_bills
from hardneg.costs.encoding_bills import encoding_bills
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.endpoints.bill import Agree
from hardneg.errors import RecipeError
from hardneg.files import cache_folder
from hardneg.filters import Filter, Learned
from hardneg.negatives.plan import Plan
from hardneg.notebook import Framed
from hardneg.pipeline.how import How, plan_from, spells_out
from hardneg.planting.fitting import fit_filters
from hardneg.planting.planting import plant_each
from hardneg.recipe.rooms import FILTER
from hardneg.recipe.toml import toml_text
from hardneg.runs.lock import writing
from hardneg.runs.record import recording
from hardneg.runs.state import write_audit
from hardneg.scoring.protocol import Priced, Scorer
from hardneg.verbs.audit import check_settings, named_scorer

_SHARES_OF_BUDGET = (1.0, 0.5, 0.25)


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Framed):
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
        """The best setting's filters, empty if none keeps the budget; `hardneg.mine` takes them."""
        return () if self.best is None else self.plans[self.best].filters

    @property
    def recipe(self) -> str:
        """The best setting's filters as lines of a recipe."""
        return toml_text({"filters": [as_table(each, room=FILTER) for each in self.filters]}).strip()

    def frame(self) -> pl.DataFrame:
        """Lay the settings out, hardest negatives first, as the frontier has them, with `within` the budget or not."""
        frame = self.frontier.frame().sort("score", descending=True, nulls_last=True)
        kept = (pl.col("compared") & (pl.col("leakage") <= self.budget)).fill_null(value=False)
        return frame.select(pl.col("filter", "setting"), kept.alias("within"), pl.exclude("filter", "setting"))

    def as_dict(self) -> dict[str, Any]:
        """Everything but the counts by query, ready for JSON."""
        tried = self.frontier.as_dict()
        chosen = {"kind": "calibration", "budget": self.budget, "best": self.best, "recipe": self.recipe}
        return chosen | {"frontier": tried["variants"], "score": tried["score"], "caveats": tried["caveats"]}

    def __repr__(self) -> str:
        return f"Calibration: {len(self.plans)} settings for a leakage of {self.budget:g}"


@spells_out
def calibrate(
    dataset: Dataset,
    *,
    budget: float = 0.01,
    seeds: int = 3,
    max_queries: int | None = 1_000,
    floor: float = 0.9,
    scorer: Scorer | str | Mapping[str, Any] | None = None,
    plot: Path | str | None = None,
    out: Path | str | None = None,
    agree: Agree | None = None,
    **mining: Unpack[How],
) -> Calibration:
    """Find the filter that gives the hardest negatives for the share of answers that you accept among them.

    Labelled positives are hidden, and the known filters and the learned one are tried on the same plantings. The
    learned filter is fitted on labels that the planting left, so at most half of the queries with several positives
    are planted in.

    Args:
        dataset: What would be mined.
        budget: Largest share of the answers that may end up as negatives, above 0 and below 1.
        seeds: Plantings, each with another seed.
        max_queries: Query texts planted in at most; None plants in half.
        floor: Least share of the queries that must get their number.
        scorer: A teacher to try too.
        plot: An `.svg` or `.html` file to draw the frontier in.
        out: Folder to write the result into too, where `hardneg.report` shows it.
        agree: Called with what LLM judges will cost before any is asked; raise in it to stop. None asks nobody.
        **mining: How it would be mined, as for `hardneg.mine`: `sources`, `filters`, `depth`, …

    Returns:
        What was tried, and in `filters` and `recipe` the best.

    Raises:
        DatasetError: Nothing can be hidden.
        RecipeError: An argument is of the wrong kind.
    """
    check_dataset(dataset, purpose="calibrate")
    check_places("calibrate", out=out)
    check_settings("calibrate", floor=floor, plot=plot, seeds=seeds, max_queries=max_queries)
    check_budget(budget)
    teacher = named_scorer(scorer)
    plan, settings = plan_from("calibrate", **mining)
    plans = plans_to_try(plan, budget=budget, teacher=teacher)
    folder = cache_folder() / "filters"
    place = None if out is None else Path(out)
    with recording(place, "calibrate"), writing(place):
        most = at_most_half(dataset, plan, max_queries)
        planting: dict[str, Any] = {"seeds": range(plan.seed, plan.seed + seeds), "max_queries": most}
        if agree is not None:
            agree(encoding_bills(dataset, tuple(plans.values()), split=plan.split))
            agree(audit_bills(dataset, plans.values(), plant_each(dataset, plan.split, **planting)))
        tried = frontier(
            dataset,
            plans,
            floor=floor,
            block_size=settings.block_size,
            fit=lambda each, planted: fit_filters(each, planted, folder / each.key(planted)),
            **planting,
        )
        result = Calibration(tried, plans, budget)
        tried.frame()
        if place is not None:
            write_audit(result.as_dict(), place)
    if plot is not None:
        tried.plot(plot)
    return result


def check_budget(budget: float) -> None:
    """Refuse a share of the answers that none or all keep."""
    if not 0 < budget < 1:
        raise RecipeError(f"calibrate: --budget is {budget}; set it above 0 and below 1")


def plans_to_try(plan: Plan, *, budget: float, teacher: Scorer | None = None) -> dict[str, Plan]:
    """Vary the filters of a plan: the known ones, a teacher's thresholds, and the learned one for parts of a budget."""
    plans = sweep(plan, further=() if teacher is None else teacher_thresholds(teacher))
    free = teacher is not None and not isinstance(teacher, Priced)  # fitting would ask about thousands of queries
    for name, scorer in ({"learned": None} | ({"learned+teacher": teacher} if free else {})).items():
        for part in _SHARES_OF_BUDGET:
            learned = Learned(budget=budget * part, scorer=scorer)
            plans[f"{name} budget={learned.budget:g}"] = replace(plan, filters=(learned,))
    return plans


def at_most_half(dataset: Dataset, plan: Plan, max_queries: int | None) -> int:
    """Leave half of the queries with several positives for fitting."""
    query, document = dataset.pairs_of(plan.split)
    pairs = pl.DataFrame({"query": dataset.query_text_group[query], "text": dataset.text_group[document]})
    several = pairs.unique().group_by("query").len().filter(pl.col("len") > 1).height
    half = max(several // 2, 1)
    return half if max_queries is None else min(half, max_queries)
