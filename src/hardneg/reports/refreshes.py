"""What refreshes and replacements of the negatives did in the course of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import Scale, dot, line, number, path, picture, text, x_axis, y_axis

_PANEL, _HEAD, _FOOT, _LEFT, _BETWEEN = 110, 34, 40, 50, 24
_LABELS = {
    "new_score": "Mean score of new (filled) and old negatives",
    "overlap": "Share of the new negatives that are old",
    "waited": "Seconds for which training stood still",
    "share_replaced": "Share of the negatives that were replaced",
}


@dataclass(frozen=True, eq=False)
class Refreshes:
    """Refreshes, or looks at negatives that may have become too easy, over the steps."""

    model: str
    kind: str
    table: pl.DataFrame

    @property
    def key(self) -> str:
        """Name in links."""
        return f"{self.kind}-{self.model}"

    @property
    def title(self) -> str:
        """What it shows."""
        what = "Refreshes of the negatives" if self.kind == "refreshes" else "Replacements of easy negatives"
        return f"{what}: {self.model}"

    @property
    def lead(self) -> str:
        """How often, and what it took."""
        if self.kind == "replacements":
            looked, replaced = (float(self.table[name].sum()) for name in ("looked_at", "replaced"))
            return f"{number(self.table.height)} looks at {number(looked)} negatives; {number(replaced)} were replaced."
        failed = self.table.filter(pl.col("problem").is_not_null()).height
        waited = float(self.table["waited"].sum())
        said = f"{number(self.table.height)} refreshes, for which training stood still {number(waited, 1)} s in all."
        return said + (f" {number(failed)} of them failed (HN036)." if failed else "")

    def frame(self) -> pl.DataFrame:
        """One row a refresh."""
        return self.table

    def svg(self, width: int) -> Markup:
        """One panel for each figure."""
        columns = [name for name in _LABELS if name in self.table.columns and self.table[name].drop_nulls().len()]
        last = float(self.table["step"].max() or 1)  # type: ignore[arg-type]
        across, parts, top = Scale(0, last, _LEFT, width - 14), list[Markup](), 0.0
        for name in columns:
            pairs = [(name, "chosen"), *([("old_score", "hollow")] if name == "new_score" else [])]
            values = [float(each) for column, _ in pairs for each in self.table[column].drop_nulls()]
            low, high = (min(values), max(values)) if name == "new_score" else (0.0, max(values))
            margin = 0.1 * (high - low) or 0.05
            bottom = top + _HEAD + _PANEL
            scale = Scale(low - (margin if name == "new_score" else 0), high + margin, bottom, top + _HEAD)
            parts += [text(0, top + 20, _LABELS[name], "heading"), y_axis(scale, _LEFT, n=3, right=across.end)]
            parts.append(line(_LEFT, bottom, across.end, bottom, "base"))
            for column, kind in pairs:
                rows = self.table.select("step", column).drop_nulls().iter_rows()
                points = [(across(step), scale(value)) for step, value in rows]
                parts += [path(points, "curve chosen" if kind == "chosen" else "curve kept")]
                parts += [dot(x, y, 4, kind) for x, y in points]
            top += _HEAD + _PANEL + _BETWEEN
        bottom = top - _BETWEEN
        parts.append(x_axis(across, bottom, n=4 if width < 500 else 8, top=bottom, title="step"))
        return picture(width, bottom + _FOOT, parts, title=self.title, description=self.lead)


def refreshes(model: str, records: Sequence[Mapping[str, Any]]) -> Refreshes | None:
    """Lay out the lines of `refresh.jsonl`; None if there is none."""
    if not records:
        return None
    floats = dict.fromkeys(("seconds", "waited", "share", "overlap", "old_score", "new_score"), pl.Float64)
    return Refreshes(model, "refreshes", pl.DataFrame(records, schema_overrides={**floats, "problem": pl.String}))


def replacements(model: str, records: Sequence[Mapping[str, Any]]) -> Refreshes | None:
    """Lay out the lines of `replacement.jsonl`; None if there is none."""
    if not records:
        return None
    shared = (pl.col("replaced") / pl.col("looked_at")).fill_nan(None).alias("share_replaced")
    return Refreshes(model, "replacements", pl.DataFrame(records).with_columns(shared))
