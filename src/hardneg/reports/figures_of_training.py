"""Figures of training: curves with the symptoms marked where they show, mining again, and what each stage cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from hardneg.data.findings import Finding
from hardneg.drawing.bars import Bar, Bars
from hardneg.drawing.figure import Figure
from hardneg.drawing.lines import Line, Lines, Panel
from hardneg.drawing.svg import number
from hardneg.progress import duration
from hardneg.training.watch.curve import WatchedTraining

POINTS = 160

# What each panel draws, its name, and the findings that are seen in it.
PANELS: Mapping[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("loss",): ("Loss", ("HN030", "HN031")),
    ("grad_norm",): ("Length of the gradient", ("HN031",)),
    ("positive_mean", "negative_mean"): ("Mean scores", ("HN033",)),
    ("share_above",): ("Share of negatives above their positive", ("HN032",)),
    ("conflict", "suspects_above"): ("Probe of the hardest negatives", ("HN035", "HN032")),
    ("mask_rate",): ("Share of negatives that the mask took", ("HN034",)),
    ("n_pool",): ("Documents that a query is compared with", ()),
}
# Where two lines share a panel: the name of each, and its colour.
_LINES: Mapping[str, tuple[str, str]] = {
    "positive_mean": ("positives", "positives"),
    "negative_mean": ("negatives", "refused"),
    "conflict": ("conflict", "chosen"),
    "suspects_above": ("suspects above their positive", "refused"),
}
_RENEWALS = {
    "new_score": "Mean score of new (filled) and old negatives",
    "overlap": "Share of the new negatives that are old",
    "waited": "Seconds for which training stood still",
    "share_replaced": "Share of the negatives that were replaced",
}


def curves(model: str, records: Sequence[Mapping[str, float | None]], findings: Sequence[Finding]) -> Figure | None:
    """Draw the record of a training, averaged over neighbouring steps where there are many; None without a record."""
    if not records:
        return None
    table = _binned(records)
    loss, change = table["loss"].drop_nulls() if "loss" in table.columns else pl.Series(), ""
    if len(loss):
        third = max(len(loss) // 3, 1)
        first, last = (number(float(part.median())) for part in (loss.head(third), loss.tail(third)))  # type: ignore[arg-type]
        change = f"; the loss went from {first} (median of the first third) to {last} (of the last)"
    codes = ", ".join(finding.code for finding in findings)
    symptoms = f"Marked: {codes}." if codes else "No symptom was found."
    lead = f"{number(len(records))} steps{change}. {symptoms}"
    panels = [_panel(table, names, findings) for names in _shown(table, {finding.code for finding in findings})]
    steps = [float(step) for step in table["step"].drop_nulls()] or [1.0]
    marks = Lines(panels, min(1.0, max(steps)), max(steps))
    return Figure(f"curves-{model}", f"Training of {model}", lead, table, marks)


def _binned(records: Sequence[Mapping[str, float | None]]) -> pl.DataFrame:
    """Average over so many steps that there are no more than POINTS bins; `step` is the last of its bin."""
    columns = {name: [record.get(name) for record in records] for name in ("step", *(n for g in PANELS for n in g))}
    table = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64), strict=False)
    table = table.select(column for column in table if column.name == "step" or not column.is_null().all())
    bins = table.with_columns(bin=pl.int_range(table.height) // -(-table.height // POINTS))
    means = (pl.col("step").last().cast(pl.Int64), pl.exclude("bin", "step").mean())
    return bins.group_by("bin", maintain_order=True).agg(*means).drop("bin")


def _shown(table: pl.DataFrame, codes: set[str]) -> Sequence[tuple[str, ...]]:
    """Choose the panels: a figure that is the same in all steps, and not marked, tells nothing."""
    shown = []
    for names, (_, about) in PANELS.items():
        there = [table[name].drop_nulls() for name in names if name in table.columns]
        moves = any(column.n_unique() > 1 for column in there)
        if any(column.len() for column in there) and (moves or codes & set(about) or names == ("loss",)):
            shown.append(names)
    return shown or [("loss",)]


def _panel(table: pl.DataFrame, names: Iterable[str], findings: Sequence[Finding]) -> Panel:
    title, about = PANELS[tuple(names)]
    drawn = [(points, *_LINES.get(name, ("", "chosen"))) for name in names if (points := _points(table, name))]
    lines = [Line(points, kind, label) for points, label, kind in drawn]
    symptoms = " ".join(f"⚠ {finding.code}" for finding in findings if finding.code in about)
    return Panel(title, lines, zero="positive_mean" not in names, symptoms=symptoms)


def _points(table: pl.DataFrame, name: str) -> list[tuple[float, float]]:
    return list(table.select("step", name).drop_nulls().iter_rows()) if name in table.columns else []


def refreshes(model: str, records: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Lay out the lines of `refresh.jsonl`; None if there is none."""
    if not records:
        return None
    floats = dict.fromkeys(("seconds", "waited", "share", "overlap", "old_score", "new_score"), pl.Float64)
    table = pl.DataFrame(records, schema_overrides={**floats, "problem": pl.String})
    failed, waited = table.filter(pl.col("problem").is_not_null()).height, float(table["waited"].sum())
    lead = f"{number(table.height)} refreshes, for which training stood still {number(waited, 1)} s in all."
    lead += f" {number(failed)} of them failed (HN036)." if failed else ""
    return Figure(f"refreshes-{model}", f"Refreshes of the negatives: {model}", lead, table, _renewals(table))


def replacements(model: str, records: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Lay out the lines of `replacement.jsonl`, looks at negatives that may have become too easy; None if none."""
    if not records:
        return None
    table = pl.DataFrame(records).with_columns(share_replaced=(pl.col("replaced") / pl.col("looked_at")).fill_nan(None))
    looked, replaced = (float(table[name].sum()) for name in ("looked_at", "replaced"))
    lead = f"{number(table.height)} looks at {number(looked)} negatives; {number(replaced)} were replaced."
    return Figure(f"replacements-{model}", f"Replacements of easy negatives: {model}", lead, table, _renewals(table))


def _renewals(table: pl.DataFrame) -> Lines:
    panels = []
    for name, title in _RENEWALS.items():
        lines = [Line(_points(table, name), "chosen")]
        if name == "new_score":
            lines.append(Line(_points(table, "old_score"), "kept", hollow=True))
        if lines[0].points:
            panels.append(Panel(title, lines, zero=name != "new_score"))
    return Lines(panels, 0.0, float(table["step"].max() or 1), height=110)  # type: ignore[arg-type]


def watching(model: str, watched: WatchedTraining | None) -> Figure | None:
    """Draw what was measured while a model was trained, the best look marked; None if nothing was."""
    if watched is None:
        return None
    table = pl.DataFrame([asdict(look) for look in watched.looks])
    points = [(float(look.step), look.value) for look in watched.looks]
    best = Line([(float(watched.best.step), watched.best.value)], "positives", "best")
    panel = Panel(f"{watched.measure} on {watched.about.split}", [Line(points, "chosen"), best], zero=False)
    marks = Lines([panel], 0.0, max(float(watched.last.step), 1.0))
    return Figure(f"watched-{model}", f"Looks at {model} while it was trained", f"{watched}.", table, marks)


def costs(stages: Mapping[str, Mapping[str, float]], machine: str = "") -> Figure:
    """Lay out wall time and peak memory of the stages of a run, as its manifest has them."""
    schema = {"stage": pl.String, "wall_s": pl.Float64, "peak_gb": pl.Float64}
    rows = [(name, cost["wall_s"], cost["peak_gb"]) for name, cost in stages.items()]
    table = pl.DataFrame(rows, schema=schema, orient="row")
    peak = max((memory for _, _, memory in rows), default=0.0)
    on = f", on {machine}" if machine else ""
    lead = f"{duration(sum(wall for _, wall, _ in rows))} in all, at most {peak:.2f} GB of memory{on}."
    bars = [Bar(name, f"{duration(wall)} · {memory:.2f} GB", [(0, wall, "kept")]) for name, wall, memory in rows]
    marks = Bars({"": bars}, max((wall for _, wall, _ in rows), default=0.0) or 1.0)
    return Figure("costs", "What each stage cost", lead, table, marks)
