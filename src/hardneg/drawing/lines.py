"""Lines: curves in panels that share what runs from left to right, and distributions in rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardneg.drawing.svg import Scale, Svg, dot, line, number, path, rect, text, x_axis, y_axis

_LEFT, _RIGHT, _HEAD, _BETWEEN, _FOOT = 50, 14, 34, 24, 40
_HILL, _TOP = 62, 4
_FEW = 12  # points of a line that are few enough to be drawn as dots


@dataclass(frozen=True)
class Line:
    """A line through points."""

    points: Sequence[tuple[float, float]]
    kind: str  # its colour
    name: str = ""
    hollow: bool = False  # whether its dots are
    filled: bool = False  # whether it is the outline of an area


@dataclass(frozen=True)
class Panel:
    """Lines that share a height."""

    title: str
    lines: Sequence[Line]
    zero: bool = True  # whether the scale begins at 0
    symptoms: str = ""  # what its last third is marked for


@dataclass(frozen=True)
class Lines:
    """Panels one below the other."""

    panels: Sequence[Panel]
    first: float
    last: float  # of what runs from left to right
    axis: str | tuple[str, str] = "step"  # its name, or what stands at its ends where it has no numbers
    height: int = 120

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all panels, and below the last one the axis."""
        across = Scale(self.first, self.last, _LEFT, width - _RIGHT)
        parts, bottom = list[Svg](), -float(_BETWEEN)
        for panel in self.panels:
            top = bottom + _BETWEEN + (_HEAD if panel.title else _TOP)
            bottom = top + self.height
            parts += self._panel(panel, top, bottom, across)
        if isinstance(self.axis, str):
            return [*parts, *x_axis(across, bottom, top=bottom, title=self.axis)], bottom + _FOOT
        left, right = self.axis
        parts += [text(_LEFT, bottom + 18, left, "axis"), text(across.end, bottom + 18, right, "axis", anchor="end")]
        return parts, bottom + _FOOT

    def _panel(self, panel: Panel, top: float, bottom: float, across: Scale) -> list[Svg]:
        values = [y for each in panel.lines for _, y in each.points]
        scale = Scale.padded(values, bottom, top, margin=0.08, zero=panel.zero)
        parts = [text(0, top - 14, panel.title, "heading")] if panel.title else []
        if panel.symptoms:
            third = (across.end - across.start) / 3
            parts.append(rect(across.end - third, top, third, bottom - top, "marked"))
            parts.append(text(across.end, top - 14, panel.symptoms, "mark", anchor="end"))
        parts += y_axis(scale, _LEFT, right=across.end)
        areas = any(each.filled for each in panel.lines)
        base = scale(0) if areas else bottom
        parts.append(line(_LEFT, base, across.end, base, "zero" if areas else "base"))
        for each in panel.lines:
            points = [(across(x), scale(y)) for x, y in each.points]
            parts.append(path(points, f"{'fill' if each.filled else 'curve'} {each.kind}", closed=each.filled))
            if len(points) < _FEW and not each.filled:
                parts += [dot(x, y, 4, "hollow" if each.hollow else each.kind) for x, y in points]
            if each.name:
                parts.append(text(_LEFT + 6, points[0][1] - 7, each.name, f"name {each.kind}"))
        return parts


def outline(steps: Sequence[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Walk around the steps of a distribution (from, to, height), which follow each other, from 0 and back to 0."""
    if not steps:
        return []
    tops = [point for low, high, height in steps for point in ((low, height), (high, height))]
    return [(steps[0][0], 0.0), *tops, (steps[-1][1], 0.0)]


@dataclass(frozen=True)
class Hill:
    """A distribution."""

    name: str
    kind: str  # its colour
    steps: Sequence[tuple[float, float, float]]
    middle: float  # its median


@dataclass(frozen=True)
class Hills:
    """Distributions one below the other, each drawn to its own height."""

    hills: Sequence[Hill]
    axis: str

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all distributions on one scale, each with its median."""
        ends = [end for hill in self.hills for low, high, _ in hill.steps for end in (low, high)]
        scale = Scale(min(ends), max(ends), 2, width - 2)
        bottom = len(self.hills) * _HILL + _TOP
        parts = x_axis(scale, bottom, top=_TOP, title=self.axis)
        for at, hill in enumerate(self.hills):
            base = _TOP + (at + 1) * _HILL
            up = Scale(0, max(height for *_, height in hill.steps) or 1, base, base - _HILL + 24)
            points = [(scale(x), up(y)) for x, y in outline(hill.steps)]
            parts.append(path(points, f"hill {hill.kind}", closed=True))
            parts.append(line(0, base, width, base, "base"))
            x = scale(hill.middle)
            right = x > width / 2  # where its median lies; its name stands on the other side
            parts.append(line(x, up.end - 2, x, base, f"median {hill.kind}"))
            at_median = text(
                x - 4 if right else x + 4,
                up.end + 10,
                number(hill.middle),
                "value",
                anchor="end" if right else "start",
            )
            name = text(0 if right else width, up.end - 4, hill.name, anchor="start" if right else "end")
            parts += [at_median, name]
        return parts, bottom + _FOOT
