"""The frontier: what each setting of a filter costs in answers among the negatives, and buys in hardness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from hardneg.reports.series import Labels, legend, marker, series
from hardneg.reports.svg import Scale, line, number, path, picture, x_axis, y_axis

_HEIGHT, _FOOT, _LEFT = 300, 44, 52


@dataclass(frozen=True, eq=False)
class FrontierPlot:
    """Settings of filters by contamination and relative score.

    A label that would lie on a marker or on another label is left out; the table has all.
    """

    table: pl.DataFrame
    score: str = ""
    best: str | None = None
    budget: float | None = None

    key = "frontier"
    title = "Contamination against hardness"

    @property
    def lead(self) -> str:
        """How to read it, and what is recommended."""
        compared = self.table.filter("compared").height
        said = (
            f"{number(self.table.height)} settings of filters on hidden positives, {number(compared)} of them with "
            "enough coverage to be compared (filled). Further down is cleaner, further right is harder."
        )
        if self.budget is None:
            return said
        found = f"the hardest negatives come from {self.best}" if self.best else "no setting keeps it"
        return f"{said} Within a leakage of {100 * self.budget:g} %, {found}."

    def frame(self) -> pl.DataFrame:
        """One row a setting."""
        return self.table

    def drawn(self) -> pl.DataFrame:
        """Where each setting is drawn: `filter`, `setting`, `compared`, `x`, `y`; compared ones at equal coverage."""
        equal = (
            pl.col("compared") & pl.col("equal_relative").is_not_null() & pl.col("equal_contamination").is_not_null()
        )
        return self.table.select(
            "filter",
            "setting",
            compared=equal,
            x=pl.when(equal).then("equal_relative").otherwise("relative"),
            y=pl.when(equal).then("equal_contamination").otherwise("contamination"),
        ).drop_nulls(["x", "y"])

    def svg(self, width: int) -> Markup:
        """One marker for each setting, one shape and colour for each filter."""
        rows = self.drawn()
        kinds = rows["filter"].unique(maintain_order=True).to_list()
        names, head = legend(kinds, width, left=_LEFT)
        bottom = head + _HEIGHT
        x = _padded(rows["x"].to_list(), _LEFT, width - 10)
        top = max([*rows["y"].to_list(), 0.001])
        y = Scale(0, 1.08 * top, bottom, head)
        parts = [*names, x_axis(x, bottom, n=3 if width < 500 else 7, top=head, title=self._axis(width))]
        parts += [y_axis(y, _LEFT, n=5, right=width - 10, percent=True)]
        labels = Labels([(x(a), y(b)) for a, b in rows.select("x", "y").iter_rows()], width)
        for at, kind in enumerate(kinds):
            part = rows.filter(pl.col("filter") == kind)
            through = part.filter("compared").sort("x").select("x", "y").iter_rows()
            parts.append(path([(x(a), y(b)) for a, b in through], f"curve thin {series(at)}"))
            for row in part.iter_rows(named=True):
                parts += self._marker(row, at, x(row["x"]), y(row["y"]), labels)
        parts.append(line(_LEFT, bottom, width - 10, bottom, "base"))
        return picture(width, bottom + _FOOT, parts, title=self.title, description=self.lead)

    def _axis(self, width: int) -> str:
        by = f" ({self.score} score)" if self.score and width > 500 else ""
        return f"score, relative to the weakest positive{by} →"

    def _marker(self, row: Mapping[str, Any], at: int, x: float, y: float, labels: Labels) -> list[Markup]:
        is_best = self.best == f"{row['filter']} {row['setting']}".strip()
        parts = [marker(x, y, 9, at=at, kind="ring")] if is_best else []
        parts.append(marker(x, y, 5, at=at, kind=f"marker {series(at)}" + ("" if row["compared"] else " open")))
        label = row["setting"].rpartition("=")[2] or row["setting"]
        return [*parts, labels.beside(x, y, label, always=is_best)]


def _padded(values: Sequence[float], start: float, end: float) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.05 * (high - low) or 0.05
    return Scale(low - margin, high + margin, start, end)
