"""All that a report is made of, as it was read from a run folder; whatever the folder lacks is empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from hardneg.data.findings import Finding
from hardneg.evaluation.row import Row


@dataclass(frozen=True, eq=False)
class Mining:
    """What one stage mined."""

    stage: str
    candidates: pl.LazyFrame
    negatives: pl.LazyFrame
    funnel: Mapping[str, Any]
    filters: Sequence[str]
    per_query: int
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, eq=False)
class Training:
    """The record of one training."""

    model: str
    records: Sequence[Mapping[str, float | None]]
    findings: Sequence[Finding] = ()
    refreshes: Sequence[Mapping[str, Any]] = ()
    replacements: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, eq=False)
class Audited:
    """A result of `hardneg audit` or `hardneg calibrate`, as these print it with `--json`."""

    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    frontier: pl.DataFrame | None = None
    score: str = ""
    caveats: Sequence[str] = ()
    best: str | None = None
    budget: float | None = None


@dataclass(frozen=True, eq=False)
class Ladder:
    """What `hardneg ladder` found."""

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
    """What a report is made of."""

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
