"""Bars: amounts and their parts from left to right, or counts that stand side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardneg.drawing.svg import Svg, fitting, number, rect, text

_ROW, _BAR, _GAP = 40, 14, 30
_HEIGHT, _HEAD, _FOOT, _WIDEST = 150, 22, 40, 110
_LEAST = 1.5  # pixels: what is there shall be seen


@dataclass(frozen=True)
class Bar:
    """One bar, its name above its left end and what it says above its right one."""

    name: str
    said: str
    segments: Sequence[tuple[float, float, str]]  # start, length and colour of each


@dataclass(frozen=True)
class Bars:
    """Bars one below the other, in groups with headings."""

    groups: Mapping[str, Sequence[Bar]]
    whole: float  # the amount that is as wide as the picture

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all bars on one scale."""
        parts, y = list[Svg](), 4.0
        for heading, bars in self.groups.items():
            if heading:
                parts.append(text(0, y + _GAP - 12, heading, "heading"))
                y += _GAP
            for bar in bars:
                parts += self._bar(bar, y, width)
                y += _ROW
        return parts, y

    def _bar(self, bar: Bar, y: float, width: int) -> list[Svg]:
        parts = [text(0, y + 12, fitting(bar.name, width - 130)), text(width, y + 12, bar.said, "value", anchor="end")]
        parts.append(rect(0, y + 18, width, _BAR, "track"))
        for start, length, kind in bar.segments:
            drawn = max(width * length / self.whole, _LEAST if length else 0)
            x = min(width * start / self.whole, width - drawn)
            parts.append(rect(x, y + 18, drawn, _BAR, kind, hint=f"{bar.name}: {number(length)}"))
        return parts


@dataclass(frozen=True)
class Histogram:
    """Counts side by side."""

    counts: Sequence[tuple[str, int, str]]  # name, count and colour of each
    axis: str

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all columns, the highest as high as there is room."""
        slot = min(width / len(self.counts), _WIDEST)
        top = max(count for _, count, _ in self.counts) or 1
        base, end = _HEAD + _HEIGHT, slot * len(self.counts)
        parts = [rect(0, base, end, 1, "rule")]
        for at, (name, count, kind) in enumerate(self.counts):
            height = max(_HEIGHT * count / top, _LEAST if count else 0)
            x = at * slot
            parts.append(rect(x + slot * 0.14, base - height, slot * 0.72, height, kind))
            parts.append(text(x + slot / 2, base - height - 6, number(count), "value", anchor="middle"))
            parts.append(text(x + slot / 2, base + 16, name, "tick", anchor="middle"))
        return [*parts, text(end / 2, base + 34, self.axis, "axis", anchor="middle")], base + _FOOT
