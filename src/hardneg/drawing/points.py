"""Points: things by two figures, in groups that are told apart by colour and shape, with intervals both ways."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardneg.drawing.svg import Scale, Svg, line, path, text, width_of, x_axis, y_axis

_HEIGHT, _HEAD, _FOOT, _LEFT, _RIGHT, _LINE = 300, 12, 44, 52, 12, 22
# Corners of each group's marker: angle of the first in degrees, and how many; many corners are a disc.
_MARKERS = ((0, 24), (45, 4), (0, 4), (90, 3), (-90, 3), (18, 5), (0, 6), (60, 3))


@dataclass(frozen=True)
class Point:
    """A thing, where it lies, and how sure that is."""

    x: float
    y: float
    name: str = ""
    hint: str = ""
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None
    hollow: bool = False  # no line goes through it
    ringed: bool = False


@dataclass(frozen=True)
class Points:
    """Groups of points, each with a line through them if the group has a name."""

    groups: Mapping[str, Sequence[Point]]
    axis: str
    x_unit: str = ""
    y_unit: str = ""
    zero: bool = False  # whether the scale upwards begins at 0

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw all points."""
        names = [name for name in self.groups if name]
        parts, head = _legend(names, width) if names else ([], float(_HEAD))
        bottom = head + _HEIGHT
        every = [point for group in self.groups.values() for point in group]
        ups = [end for point in every for end in (point.y, *(point.y_ends or ()))]
        sides = [end for point in every for end in (point.x, *(point.x_ends or ()))]
        x = Scale.padded(sides, _LEFT, width - _RIGHT)
        y = Scale.padded(ups, bottom, head, zero=self.zero)
        parts += x_axis(x, bottom, top=head, title=self.axis, unit=self.x_unit)
        parts += y_axis(y, _LEFT, right=x.end, unit=self.y_unit)
        parts.append(line(_LEFT, bottom, x.end, bottom, "base"))
        labels, written = _Labels([(x(point.x), y(point.y)) for point in every], width), list[Svg]()
        markers = list[Svg]()  # above all lines, and the names above all markers
        for at, (name, group) in enumerate(self.groups.items()):
            if name:
                through = sorted((point.x, point.y) for point in group if not point.hollow)
                parts.append(path([(x(a), y(b)) for a, b in through], f"curve thin {_colour(at)}"))
            for point in group:
                left, up = x(point.x), y(point.y)
                if point.x_ends is not None:
                    parts.append(line(x(point.x_ends[0]), up, x(point.x_ends[1]), up, f"bar {_colour(at)}"))
                if point.y_ends is not None:
                    parts.append(line(left, y(point.y_ends[0]), left, y(point.y_ends[1]), f"bar {_colour(at)}"))
                if point.ringed:
                    markers.append(_marker(left, up, 9, at=at, kind="ring"))
                kind = f"marker {_colour(at)}{' open' if point.hollow else ''}"
                markers.append(_marker(left, up, 5, at=at, kind=kind, hint=point.hint))
                written += labels.beside(left, up, point.name, always=point.ringed)
        return [*parts, *markers, *written], bottom + _FOOT


def _colour(at: int) -> str:
    """Name the style of a group; there are eight, after which they come again."""
    return f"s{at % len(_MARKERS)}"


def _marker(x: float, y: float, radius: float, *, at: int, kind: str, hint: str = "") -> Svg:
    first, n = _MARKERS[at % len(_MARKERS)]
    angles = (math.radians(first + 360 * corner / n) for corner in range(n))
    points = [(x + radius * math.cos(angle), y - radius * math.sin(angle)) for angle in angles]
    return path(points, kind, closed=True, hint=hint)


def _legend(names: Sequence[str], width: float) -> tuple[list[Svg], float]:
    """Lay out the names of the groups in lines; gives the height that they take too."""
    parts, x, y = list[Svg](), float(_LEFT), 12.0
    for at, name in enumerate(names):
        if x + 34 + width_of(name) > width and x > _LEFT:
            x, y = float(_LEFT), y + _LINE
        parts += [_marker(x + 6, y, 5, at=at, kind=f"marker {_colour(at)}"), text(x + 16, y + 4, name)]
        x += 34 + width_of(name)
    return parts, y + 18


class _Labels:
    """Names beside points. One that would lie on a point or on another name is left out."""

    def __init__(self, points: Sequence[tuple[float, float]], width: float) -> None:
        self._taken = [(x - 6, y, 12.0) for x, y in points]
        self._width = width

    def beside(self, x: float, y: float, name: str, *, always: bool) -> list[Svg]:
        """Write the name of a point, to its right if there is room; nothing if it would hide something."""
        wide, itself = width_of(name), (x - 6, y, 12.0)
        left = x + 8 if x + 8 + wide < self._width else x - 8 - wide
        taken = [place for place in self._taken if place != itself]
        free = all(abs(y - b) > 11 or left + wide < a or left > a + w for a, b, w in taken)
        if not name or not (free or always):
            return []
        self._taken.append((left, y, wide))
        return [text(left if left > x else x - 8, y + 4, name, "tick", anchor="start" if left > x else "end")]
