"""The planted audit: hide labelled positives, mine, and count those that come back as negatives."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import polars as pl

from hardneg.audits.blocks import counted
from hardneg.audits.detection import Detector
from hardneg.audits.intervals import Interval
from hardneg.audits.measures import MEANING, by_group, clusters, figures_of
from hardneg.audits.outcome import Outcome, together
from hardneg.audits.unlabelled import Unlabelled
from hardneg.data.dataset import Dataset
from hardneg.negatives.plan import Plan
from hardneg.notebook import Framed
from hardneg.planting.evidence import features_of
from hardneg.planting.planting import plant_each
from hardneg.progress import task
from hardneg.sources.protocol import Encodes

Fit = Callable[[Plan, Dataset], Plan]

CAVEATS = {
    "planted": (
        "Contamination is a lower bound: answers that nobody labelled are not counted.",
        "Leakage speaks for unlabelled answers as far as labels are missing at random.",
    ),
    "judged": (
        "Contamination is a lower bound: answers that the fuller labels lack are not counted.",
        "Leakage speaks for the answers that the fuller labels add.",
    ),
    "truth": (
        "The truth is taken to be complete, so contamination is the share of false negatives itself.",
        "Leakage is the share of all unlabelled answers that came back as negatives.",
    ),
}


@dataclass(frozen=True, eq=False, repr=False)
class Audit(Framed):
    """What a way of mining made of answers that it did not know."""

    kind: Literal["planted", "judged", "truth"]
    outcome: Outcome
    score: str
    seed: int = 0
    unlabelled: Unlabelled | None = None

    @cached_property
    def figures(self) -> dict[str, Interval]:
        """Every measure with its 95 % interval over queries, or over groups if they are named."""
        return figures_of(self.outcome.queries, seed=self.seed)

    @property
    def caveats(self) -> tuple[str, ...]:
        """How contamination and leakage are to be read."""
        return CAVEATS[self.kind]

    def frame(self) -> pl.DataFrame:
        """One row a measure: `measure`, `value`, `low`, `high`, `n`, `meaning`."""
        rows = [{"measure": name, **asdict(each), "meaning": MEANING[name]} for name, each in self.figures.items()]
        return pl.DataFrame(rows, schema_overrides={"value": pl.Float64, "low": pl.Float64, "high": pl.Float64})

    def __repr__(self) -> str:
        queries = self.outcome.queries
        return (
            f"Audit ({self.kind}): {queries['query'].n_unique():,} queries, {queries['hidden'].sum():,} hidden answers"
        )

    def filters(self) -> pl.DataFrame:
        """One row a filter: candidates it refused, and `recall`, the share of the retrieved hidden answers in them."""
        retrieved = int(self.outcome.queries["hidden_retrieved"].sum())
        share = pl.col("hidden_refused") / retrieved if retrieved else pl.lit(None, dtype=pl.Float64)
        return self.outcome.filters.with_columns(recall=share)

    def sources(self) -> pl.DataFrame:
        """One row a source: hidden answers it found and gave, its negatives, and their contamination."""
        contamination = pl.when(pl.col("selected") > 0).then(pl.col("hidden_selected") / pl.col("selected"))
        return self.outcome.sources.with_columns(contamination=contamination)

    def groups(self) -> pl.DataFrame | None:
        """One row a group with contamination, leakage and coverage; None if no group was named."""
        queries = self.outcome.queries
        return None if queries["group"].dtype == pl.Null else by_group(queries, seed=self.seed)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the counts by query, ready for JSON."""
        groups = self.groups()
        return {
            "kind": self.kind,
            "queries": self.outcome.queries["query"].n_unique(),
            "hidden": int(self.outcome.queries["hidden"].sum()),
            "score": self.score,
            "figures": {name: asdict(figure) for name, figure in self.figures.items()},
            "unlabelled": None if self.unlabelled is None else asdict(self.unlabelled),
            "sources": self.sources().to_dicts(),
            "filters": self.filters().to_dicts(),
            "groups": None if groups is None else groups.to_dicts(),
            "caveats": list(self.caveats),
        }


def audit_planted(
    dataset: Dataset,
    plan: Plan,
    *,
    share: float = 0.5,
    seeds: Sequence[int] = (0, 1, 2),
    group: str | None = None,
    score: str | None = None,
    block_size: int = 4_096,
    max_queries: int | None = None,
    fit: Fit | None = None,
    estimate: bool = False,
) -> Audit:
    """Hide labelled positives, mine as the plan says, and count the hidden that come back as negatives.

    Only queries with at least two positives can be asked. Negatives of a query do not depend on other queries, so only
    these are mined for. `fit` fits the plan's learned filters on the dataset without the hidden labels.
    """
    plan.check(dataset)
    name = hardness_score(plan, score)
    plantings = list(plant_each(dataset, plan.split, seeds=seeds, share=share, max_queries=max_queries))
    detector = Detector(dataset, group) if estimate else None
    features = features_of(plan) if estimate else None
    parts = []
    with task("auditing", total=sum(len(planted.queries) for planted in plantings), unit="queries") as advance:
        for seed, planted in zip(seeds, plantings, strict=True):
            fitted = plan if fit is None else fit(plan, planted.dataset)
            outcomes, blocks = counted(
                planted, {"": fitted}, score=name, block_size=block_size, advance=advance, features=features
            )
            parts.append(labelled(outcomes[""], dataset, group=group, seed=seed))
            if detector is not None:
                detector.blocks += blocks
    return Audit("planted", together(parts), name, unlabelled=None if detector is None else detector.estimate())


def labelled(outcome: Outcome, dataset: Dataset, *, group: str | None, seed: int) -> Outcome:
    """Add to the counts by query which planting they are of, and what is drawn together."""
    query = outcome.queries["query"].to_numpy()
    cluster, values = clusters(dataset, query, group)
    more = (pl.Series("cluster", cluster), pl.lit(seed, dtype=pl.Int64).alias("seed"))
    named = pl.lit(None).alias("group") if values is None else values.alias("group")
    return Outcome(outcome.queries.with_columns(*more, named), outcome.sources, outcome.filters)


def hardness_score(plan: Plan, score: str | None) -> str:
    """Name the source whose score says how hard a negative is."""
    first = next((each for each in plan.sources if isinstance(each, Encodes)), plan.sources[0])
    return score or plan.select.score or first.name
