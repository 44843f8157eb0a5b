"""Contamination against hardness: what each setting of a filter costs and buys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.audits.blocks import counted
from hardneg.audits.intervals import NOTHING, Interval
from hardneg.audits.measures import figures_of
from hardneg.audits.outcome import Outcome, together
from hardneg.audits.planted import Audit, Fit, hardness_score, labelled
from hardneg.audits.plot import frontier_figure, plot_frontier
from hardneg.data.dataset import Dataset
from hardneg.drawing.figure import Figure
from hardneg.errors import RecipeError
from hardneg.negatives.plan import Plan
from hardneg.notebook import Framed
from hardneg.planting.planting import plant_each
from hardneg.progress import task

_SHOWN = ("contamination", "leakage", "rank", "score", "relative", "coverage")
_EQUAL = ("contamination", "leakage", "rank", "score", "relative")


@dataclass(frozen=True, eq=False, repr=False)
class Frontier(Framed):
    """Audits of several variants of one plan on the same plantings.

    A strict filter may look clean because it gives up on the queries whose candidates are hard to tell apart. So each
    figure is there twice: over all queries, and over those to which every compared variant gave their number. Variants
    whose coverage is under the floor are not compared.
    """

    audits: Mapping[str, Audit]
    floor: float = 0.9

    @cached_property
    def compared(self) -> list[str]:
        """The variants whose coverage reaches the floor."""
        coverage = {name: audit.figures["coverage"].value for name, audit in self.audits.items()}
        return [name for name, value in coverage.items() if value is not None and value >= self.floor]

    @cached_property
    def n_equal(self) -> int:
        """How many queries of the plantings every compared variant gave their number."""
        return int(self._everywhere_full.sum())

    def frame(self) -> pl.DataFrame:  # drawn once: the intervals of many settings take their time
        """One row a variant: `filter`, `setting`, `compared`, and each figure with `_low` and `_high`.

        Columns that begin with `equal_` are over the queries that every compared variant covers; null for others.
        """
        return self._frame

    def __repr__(self) -> str:
        return f"Frontier: {len(self.audits)} settings, compared where they cover {self.floor:.0%} of the queries"

    def plot(self, path: Path | str) -> Path:
        """Draw contamination against relative score, one line a filter, as an SVG file or a page; see `figure`."""
        return plot_frontier(self.figure(), Path(path))

    def figure(self) -> Figure:
        """Contamination against relative score; see `frontier_figure`."""
        return frontier_figure(self.frame(), score=next(iter(self.audits.values())).score)

    def as_dict(self) -> dict[str, Any]:
        """Everything but the counts by query, ready for JSON."""
        first = next(iter(self.audits.values()))
        return {
            "kind": "frontier",
            "score": first.score,
            "floor": self.floor,
            "equal_queries": self.n_equal,
            "variants": self.frame().to_dicts(),
            "caveats": list(first.caveats),
        }

    @cached_property
    def _frame(self) -> pl.DataFrame:
        with task("drawing intervals", total=2 * len(self.audits), unit="steps") as advance:
            for audit in self.audits.values():
                _ = audit.figures
                advance(1)
            rows = []
            for name, audit in self.audits.items():
                rows.append(self._row(name, audit))
                advance(1)
        floats = {key: pl.Float64 for key in rows[0] if key not in ("filter", "setting", "compared")} if rows else {}
        return pl.DataFrame(rows, schema_overrides=floats)

    def _row(self, name: str, audit: Audit) -> dict[str, Any]:
        kind, _, setting = name.partition(" ")
        row: dict[str, Any] = {"filter": kind, "setting": setting, "compared": name in self.compared}
        for measure in _SHOWN:
            row |= audit.figures[measure].columns(measure)
        equal = self._at_equal_coverage(audit) if name in self.compared else {}
        for measure in _EQUAL:
            row |= equal.get(measure, NOTHING).columns(f"equal_{measure}")
        return row

    @cached_property
    def _everywhere_full(self) -> np.ndarray:
        full = [self.audits[name].outcome.queries["full"].to_numpy() > 0 for name in self.compared]
        return np.logical_and.reduce(full) if full else np.zeros(0, dtype=bool)

    def _at_equal_coverage(self, audit: Audit) -> dict[str, Interval]:
        return figures_of(audit.outcome.queries.filter(pl.Series(self._everywhere_full)), seed=audit.seed)


def frontier(
    dataset: Dataset,
    variants: Mapping[str, Plan],
    *,
    share: float = 0.5,
    seeds: Sequence[int] = (0, 1, 2),
    group: str | None = None,
    score: str | None = None,
    block_size: int = 4_096,
    max_queries: int | None = None,
    least_known: int = 1,
    floor: float = 0.9,
    fit: Fit | None = None,
) -> Frontier:
    """Audit variants of a plan that differ in filters or selection alone; candidates are gathered once.

    A variant's name is its filter, a space, its setting ("positive_margin ratio=0.95"). With `least_known` 0 queries
    are audited that lose their only positive. The score that says how hard a negative is is the same for all.
    """
    first = _common(variants)
    for plan in variants.values():
        plan.check(dataset)
    name = hardness_score(first, score)
    plantings = list(
        plant_each(dataset, first.split, seeds=seeds, share=share, max_queries=max_queries, least_known=least_known)
    )
    parts: dict[str, list[Outcome]] = {variant: [] for variant in variants}
    with task("auditing", total=sum(len(planted.queries) for planted in plantings), unit="queries") as advance:
        for seed, planted in zip(seeds, plantings, strict=True):
            fitted = {each: plan if fit is None else fit(plan, planted.dataset) for each, plan in variants.items()}
            outcomes, _ = counted(planted, fitted, score=name, block_size=block_size, advance=advance)
            for variant, each in outcomes.items():
                parts[variant].append(labelled(each, dataset, group=group, seed=seed))
    return Frontier({variant: Audit("planted", together(each), name) for variant, each in parts.items()}, floor)


def _common(variants: Mapping[str, Plan]) -> Plan:
    """Give one of the plans, after making sure that their candidates are the same."""
    if not variants:
        raise RecipeError("frontier: there is no variant to compare; name at least one")
    first = next(iter(variants.values()))
    for name, plan in variants.items():
        if (plan.split, plan.sources, plan.depth) != (first.split, first.sources, first.depth):
            raise RecipeError(f"frontier: {name!r} has another split, source or depth; vary filters and selection only")
    return first
