"""All that a report is made of, as it was read from a run folder; whatever the folder lacks is empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hardneg.data.findings import Finding
from hardneg.evaluation.row import Row


@dataclass(frozen=True, eq=False)
class Mining:
    """What one stage mined.

    Args:
        stage: Its name; empty if there is but one.
        candidates: Every candidate and what became of it, with ids.
        negatives: The chosen ones, with ids.
        funnel: The counts.
        filters: Names of the filters, in the order in which they were asked.
        per_query: Negatives that each query should have.
        findings: What the fitting of its filters showed.
    """

    stage: str
    candidates: pl.LazyFrame
    negatives: pl.LazyFrame
    funnel: Mapping[str, Any]
    filters: Sequence[str]
    per_query: int
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, eq=False)
class Training:
    """The record of one training.

    Args:
        model: Name of the row and seed that was trained.
        records: One a step.
        findings: The symptoms.
        refreshes: Lines of `refresh.jsonl`.
        replacements: Lines of `replacement.jsonl`.
    """

    model: str
    records: Sequence[Mapping[str, float | None]]
    findings: Sequence[Finding] = ()
    refreshes: Sequence[Mapping[str, Any]] = ()
    replacements: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, eq=False)
class Audited:
    """A result of `hardneg audit` or `hardneg calibrate`, as these print it with `--json`.

    Args:
        figures: Measures with intervals, by name; empty for a frontier.
        frontier: Settings, as `Frontier.frame` gives them; None for a single audit.
        score: Name of the source whose score says how hard a negative is.
        caveats: What must be said of the figures.
        best: What `hardneg calibrate` recommends.
        budget: Its budget.
    """

    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    frontier: pl.DataFrame | None = None
    score: str = ""
    caveats: Sequence[str] = ()
    best: str | None = None
    budget: float | None = None


@dataclass(frozen=True, eq=False)
class Ladder:
    """What `hardneg ladder` found.

    Args:
        rungs: Columns `name`, `value`, `low`, `high`, `dev` (its value on the development queries), `trained`, from the
            bottom rung to the top, and any others.
        comparisons: Columns `name`, `value` (the difference), `low`, `high`, and any others.
        measure: What was measured.
        best: Name of the rung that is best on the development queries; None if there are none.
        rows: Each query's measures on the test split, by rung, from the bottom to the top.
    """

    rungs: pl.DataFrame
    comparisons: pl.DataFrame
    measure: str
    best: str | None = None
    rows: Sequence[Row] = ()

    @property
    def shown(self) -> str | None:
        """The rung to be named first: the best on the development queries; without these, the highest."""
        measured = self.rungs.drop_nulls("value").sort("value", descending=True)["name"].to_list()
        return self.best if self.best in measured else next(iter(measured), None)

    @property
    def subject(self) -> str | None:
        """The rung that the page goes into: the one to be named first, or if it is not trained the best that is."""
        by = "value" if self.best is None else "dev"
        trained = self.rungs.filter("trained").drop_nulls(["value", by]).sort(by, descending=True)["name"].to_list()
        return self.shown if self.shown in trained else next(iter(trained), self.shown)


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report is made of.

    Args:
        name: What to call the run.
        facts: What ran on what: pairs of a name and a value.
        mined: What each stage mined.
        trained: The record of each training.
        rows: What was measured, in the order in which it is read.
        placed: Rank of the best-placed positive of each query (`query_id`, `rank`), by row; of the first seed.
        stages: Wall time and peak memory of each stage.
        machine: What the stages ran on.
        audits: Results of audits.
        ladder: What a ladder found; None if there is none.
        texts: Columns `id` and `text` of "queries" and "documents"; None if the dataset is not at hand.
        notes: What could not be shown, and why.
        seed: Of the draw of examples.
    """

    name: str
    facts: Sequence[tuple[str, str]] = ()
    mined: Sequence[Mining] = ()
    trained: Sequence[Training] = ()
    rows: Sequence[Row] = ()
    placed: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    machine: str = ""
    audits: Sequence[Audited] = ()
    ladder: Ladder | None = None
    texts: Mapping[str, pl.DataFrame] | None = None
    notes: Sequence[str] = ()
    seed: int = 0
