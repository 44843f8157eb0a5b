"""Intervals: values one below the other, each with how sure it is."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from hardneg.drawing.svg import Scale, Svg, dot, fitting, line, signed, text, x_axis

_ROW, _HEAD, _FOOT = 42, 8, 40


@dataclass(frozen=True, eq=False)
class Intervals:
    """A dot for each value and a bar for its interval."""

    rows: pl.DataFrame  # `name`, `value`, `low`, `high`; a value or the ends may be null
    axis: str
    differences: bool = False  # drawn around 0, written with their sign, coloured by the side on which they surely lie
    percent: bool = False
    marked: str | None = None  # the name of the row that stands out

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all rows on one scale."""
        bottom = _HEAD + _ROW * self.rows.height
        ends = [end for name in ("value", "low", "high") for end in self.rows[name].drop_nulls().to_list()]
        scale = Scale.padded([*ends, 0.0] if self.differences else ends, 6, width - 6, margin=0.06)
        parts = x_axis(scale, bottom, top=_HEAD, title=self.axis, unit="%" if self.percent else "")
        if scale.low <= 0 <= scale.high:
            parts.append(line(scale(0), _HEAD, scale(0), bottom, "zero"))
        for at, row in enumerate(self.rows.select("name", "value", "low", "high").iter_rows(named=True)):
            parts += self._row(row, _HEAD + _ROW * at, scale, width)
        return parts, bottom + _FOOT

    def _written(self, value: float, digits: int) -> str:
        if self.percent:
            return f"{100 * value:.1f} %"
        return signed(value) if self.differences else f"{value:.{digits}f}"

    def _row(self, row: dict[str, Any], top: float, scale: Scale, width: int) -> list[Svg]:
        name, value, low, high = row["name"], row["value"], row["low"], row["high"]
        sure = low is not None and high is not None
        label = "–" if value is None else self._written(value, 4)
        if value is not None and sure:
            label += f"  [{self._written(low, 3)}, {self._written(high, 3)}]"
        parts = [
            text(0, top + 16, fitting(str(name), width - 190)),
            text(width, top + 16, label, "value", anchor="end"),
        ]
        if value is None:
            return parts
        y, kind = top + 30, "chosen" if name == self.marked else "kept"
        if self.differences and sure:
            kind = "chosen" if low > 0 else "refused" if high < 0 else "kept"
        if sure:
            parts.append(line(scale(low), y, scale(high), y, f"span {kind}"))
            parts += [line(scale(end), y - 5, scale(end), y + 5, f"span {kind}") for end in (low, high)]
        return [*parts, dot(scale(value), y, 5, kind, hint=f"{name}: {label}")]
