"""Values with their intervals, one below the other: rows of a table, differences, rungs of a ladder."""

from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import Scale, dot, fitting, line, picture, signed, text, x_axis

_ROW, _HEAD, _FOOT = 42, 8, 40


@dataclass(frozen=True, eq=False)
class Intervals:
    """One line for each thing measured."""

    key: str
    title: str
    lead: str
    table: pl.DataFrame
    measure: str
    differences: bool = False
    only: str | None = None
    percent: bool = False
    marked: str | None = None

    def frame(self) -> pl.DataFrame:
        """One row a line, as it was given."""
        return self.table

    def svg(self, width: int) -> Markup:
        """A dot for each value and a bar for its interval."""
        shown = self.table if self.only is None else self.table.filter(pl.col("measure") == self.only)
        rows = shown.select("name", "value", "low", "high")
        bottom = _HEAD + _ROW * rows.height
        scale = self._scale(rows, width)
        parts = [x_axis(scale, bottom, n=3 if width < 500 else 7, top=_HEAD, title=self.measure, percent=self.percent)]
        if scale.low <= 0 <= scale.high:
            parts.append(line(scale(0), _HEAD, scale(0), bottom, "zero"))
        for at, row in enumerate(rows.iter_rows(named=True)):
            parts += self._line(row, _HEAD + _ROW * at, scale, width, last=at == rows.height - 1)
        return picture(width, bottom + _FOOT, parts, title=self.title, description=self.lead)

    def _written(self, value: float, digits: int) -> str:
        if self.percent:
            return f"{100 * value:.1f} %"
        return signed(value) if self.differences else f"{value:.{digits}f}"

    def _scale(self, rows: pl.DataFrame, width: int) -> Scale:
        ends = [end for name in ("value", "low", "high") for end in rows[name].drop_nulls().to_list()]
        ends += [0.0] if self.differences else []
        low, high = min(ends, default=0.0), max(ends, default=1.0)
        margin = 0.06 * (high - low) or 0.05
        return Scale(low - margin, high + margin, 6, width - 6)

    def _line(self, row: dict[str, Any], top: float, scale: Scale, width: int, *, last: bool) -> list[Markup]:
        value, low, high = row["value"], row["low"], row["high"]
        said = "–" if value is None else self._written(value, 4)
        if value is not None and low is not None and high is not None:
            said += f"  [{self._written(low, 3)}, {self._written(high, 3)}]"
        stands_out = row["name"] == self.marked if self.marked else last and not (self.differences or self.percent)
        y, kind = top + 30, "chosen" if stands_out else "kept"
        if self.differences and low is not None and high is not None:
            kind = "chosen" if low > 0 else "refused" if high < 0 else "kept"
        parts = [
            text(0, top + 16, fitting(str(row["name"]), width - 190)),
            text(width, top + 16, said, "value", anchor="end"),
        ]
        if value is None:
            return parts
        if low is not None and high is not None:
            parts += [line(scale(low), y, scale(high), y, f"span {kind}")]
            parts += [line(scale(end), y - 5, scale(end), y + 5, f"span {kind}") for end in (low, high)]
        return [*parts, dot(scale(value), y, 5, kind, f"{row['name']}: {said}")]
