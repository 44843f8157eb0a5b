"""Training curves, with the symptoms marked on the figure that shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.data.findings import Finding
from hardneg.reports.svg import Scale, dot, line, number, path, picture, rect, text, x_axis, y_axis

POINTS = 160
_PANEL, _HEAD, _FOOT, _LEFT, _BETWEEN = 120, 34, 40, 50, 24

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


@dataclass(frozen=True, eq=False)
class Curves:
    """What was recorded of each step, averaged over neighbouring steps where there are many."""

    model: str
    table: pl.DataFrame
    n_steps: int
    findings: Sequence[Finding] = ()

    @property
    def key(self) -> str:
        """Name in links."""
        return f"curves-{self.model}"

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Training of {self.model}"

    @property
    def lead(self) -> str:
        """Where the loss began and ended, and what is marked."""
        loss = self.table["loss"].drop_nulls() if "loss" in self.table.columns else pl.Series([], dtype=pl.Float64)
        third = max(loss.len() // 3, 1)
        fell = (
            f"{number(self.n_steps)} steps; the loss went from {number(loss[:third].median())} (median of the first "  # type: ignore[arg-type]
            f"third) to {number(loss[-third:].median())} (of the last)."  # type: ignore[arg-type]
            if loss.len()
            else f"{number(self.n_steps)} steps."
        )
        codes = ", ".join(finding.code for finding in self.findings)
        return f"{fell} {f'Marked: {codes}.' if codes else 'No symptom was found.'}"

    def frame(self) -> pl.DataFrame:
        """One row a bin of steps."""
        return self.table

    def svg(self, width: int) -> Markup:
        """One panel for each figure that moved or that a finding is about."""
        panels = self._panels()
        parts, top = list[Markup](), 0.0
        last = float(self.table["step"].max() or 1)  # type: ignore[arg-type]
        across = Scale(min(1.0, last), last, _LEFT, width - 14)
        for at, names in enumerate(panels):
            parts += self._panel(names, top, across, width, labelled=at == len(panels) - 1)
            top += _HEAD + _PANEL + _BETWEEN
        return picture(width, top - _BETWEEN + _FOOT, parts, title=self.title, description=self.lead)

    def _panels(self) -> list[tuple[str, ...]]:
        """Choose the panels: a figure that is the same in all steps, and not marked, tells nothing."""
        codes = {finding.code for finding in self.findings}
        found = []
        for names, (_, about) in PANELS.items():
            there = [self.table[name].drop_nulls() for name in names if name in self.table.columns]
            moves = any(column.n_unique() > 1 for column in there)
            if any(column.len() for column in there) and (moves or codes & set(about) or names == ("loss",)):
                found.append(names)
        return found or [("loss",)]

    def _panel(self, names: tuple[str, ...], top: float, across: Scale, width: int, *, labelled: bool) -> list[Markup]:
        title, about = PANELS[names]
        marks = [finding for finding in self.findings if finding.code in about]
        there = [name for name in names if name in self.table.columns and self.table[name].drop_nulls().len()]
        values = [float(each) for name in there for each in self.table[name].drop_nulls()]
        scale = _vertical(values, top + _HEAD + _PANEL, top + _HEAD, from_zero=names[0] != "positive_mean")
        bottom = top + _HEAD + _PANEL
        parts = [text(0, top + 20, title, "heading")]
        if marks:
            third = (across.end - across.start) / 3
            parts.append(rect(across.end - third, top + _HEAD, third, _PANEL, "marked"))
            codes = " ".join(f"⚠ {finding.code}" for finding in marks)
            parts.append(text(across.end, top + 20, codes, "mark", anchor="end"))
        parts.append(y_axis(scale, _LEFT, n=4, right=across.end))
        if labelled:
            parts.append(x_axis(across, bottom, n=4 if width < 500 else 8, top=bottom, title="step"))
        parts.append(line(_LEFT, bottom, across.end, bottom, "base"))
        for name in there:
            label, kind = _LINES.get(name, ("", "chosen"))
            points = [
                (across(step), scale(value)) for step, value in self.table.select("step", name).drop_nulls().iter_rows()
            ]
            parts.append(path(points, f"curve {kind}"))
            if len(points) < 12:
                parts += [dot(x, y, 4, kind) for x, y in points]
            if label:
                parts.append(text(_LEFT + 6, points[0][1] - 7, label, f"name {kind}"))
        return parts


def curves(model: str, records: Sequence[Mapping[str, float | None]], findings: Sequence[Finding]) -> Curves | None:
    """Average the record of a training over neighbouring steps."""
    if not records:
        return None
    names = [name for group in PANELS for name in group]
    columns = {name: [record.get(name) for record in records] for name in ("step", *names)}
    table = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64), strict=False)
    table = table.select(column for column in table if column.name == "step" or not column.is_null().all())
    size = -(-table.height // POINTS)
    bins = table.with_columns(bin=pl.int_range(table.height) // size)
    table = bins.group_by("bin", maintain_order=True).agg(
        pl.col("step").last().cast(pl.Int64), pl.exclude("bin", "step").mean()
    )
    return Curves(model, table.drop("bin"), len(records), tuple(findings))


def _vertical(values: list[float], bottom: float, top: float, *, from_zero: bool) -> Scale:
    low, high = min([*values, 0.0] if from_zero else values, default=0.0), max(values, default=1.0)
    margin = 0.08 * (high - low) or 0.1
    return Scale(low if from_zero and low == 0 else low - margin, high + margin, bottom, top)
