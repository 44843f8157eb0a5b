"""All that a report is made of, as it was read from a run folder; whatever the folder lacks is empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hardneg.data.findings import Finding
from hardneg.evaluation.significance import Row
from hardneg.training.watch.curve import WatchedTraining


@dataclass(frozen=True, eq=False)
class Mining:
    """What one stage mined."""

    stage: str  # empty if there is but one
    candidates: pl.LazyFrame  # every one, with what became of it, by ids
    negatives: pl.LazyFrame
    funnel: Mapping[str, Any]
    filters: Sequence[str]  # their names, in the order in which they were asked
    per_query: int  # negatives that each query should have
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, eq=False)
class Training:
    """The record of one training."""

    model: str  # name of the row and seed that was trained
    records: Sequence[Mapping[str, float | None]]
    findings: Sequence[Finding] = ()
    refreshes: Sequence[Mapping[str, Any]] = ()
    replacements: Sequence[Mapping[str, Any]] = ()
    watched: WatchedTraining | None = None


@dataclass(frozen=True, eq=False)
class Audited:
    """A result of `hardneg audit` or `hardneg calibrate`, as these print it with `--json`."""

    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)  # empty for a frontier
    frontier: pl.DataFrame | None = None  # as `Frontier.frame` gives it
    score: str = ""  # the source whose score says how hard a negative is
    caveats: Sequence[str] = ()
    best: str | None = None  # what `hardneg calibrate` recommends within its budget, as "filter setting"
    budget: float | None = None


@dataclass(frozen=True, eq=False)
class LadderTables:
    """What `hardneg ladder` found."""

    rungs: pl.DataFrame  # `name`, `value`, `low`, `high`, `dev`, `trained` and more, from the bottom rung to the top
    comparisons: pl.DataFrame  # `name`, `value` (the difference), `low`, `high` and more
    measure: str
    best: str | None = None  # on the development queries; None if there are none
    rows: Sequence[Row] = ()  # on the test queries, from the bottom to the top

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
class RaceTable:
    """The trainings of a fit, in the order of the rounds."""

    trainings: (
        pl.DataFrame
    )  # `round`, `strategy`, `rate`, `steps`, `value`, `low`, `high`, `p_value`, `goes_on`, `seconds`
    measure: str
    winner: str
    reason: str


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report is made of."""

    name: str
    facts: Sequence[tuple[str, str]] = ()
    mined: Sequence[Mining] = ()
    trained: Sequence[Training] = ()
    rows: Sequence[Row] = ()
    placed: Mapping[str, pl.DataFrame] = field(default_factory=dict)  # `query_id`, `rank` by row, of its first seed
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # `wall_s`, `peak_gb`
    machine: str = ""
    audits: Sequence[Audited] = ()
    ladder: LadderTables | None = None
    race: RaceTable | None = None
    texts: Mapping[str, pl.DataFrame] | None = None  # `id`, `text` of "queries" and "documents"; None shows ids
    notes: Sequence[str] = ()  # what could not be shown, and why
    seed: int = 0
