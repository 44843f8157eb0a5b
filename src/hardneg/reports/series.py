"""Series that are told apart by colour and shape, and labels that keep out of each other's way."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from hardneg.reports.svg import path, text, width_of

_N_SERIES, _LINE = 8, 22
# Corners of each series' marker: angle of the first in degrees, and how many; many corners are a disc.
_MARKERS = ((0, 24), (45, 4), (0, 4), (90, 3), (-90, 3), (18, 5), (0, 6), (60, 3))


def series(at: int) -> str:
    """Name the style of a series; there are eight, after which they come again."""
    return f"s{at % _N_SERIES}"


def marker(x: float, y: float, radius: float, *, at: int, kind: str, hint: str = "") -> Markup:
    """Draw the shape of a series around a point."""
    first, n = _MARKERS[at % len(_MARKERS)]
    angles = (math.radians(first + 360 * corner / n) for corner in range(n))
    points = [(x + radius * math.cos(angle), y - radius * math.sin(angle)) for angle in angles]
    return path(points, kind, closed=True, hint=hint)


def legend(names: Sequence[str], width: float, *, left: float) -> tuple[list[Markup], float]:
    """Lay out the names of the series in lines; gives the height that they take too."""
    parts, x, y = list[Markup](), left, 12.0
    for at, name in enumerate(names):
        if x + 34 + width_of(name) > width and x > left:
            x, y = left, y + _LINE
        parts.append(marker(x + 6, y, 5, at=at, kind=f"marker {series(at)}"))
        parts.append(text(x + 16, y + 4, name))
        x += 34 + width_of(name)
    return parts, y + 18


class Labels:
    """Labels beside points. One that would lie on a point or on another label is left out."""

    def __init__(self, points: Sequence[tuple[float, float]], width: float) -> None:
        self._taken = [(x - 6, y, 12.0) for x, y in points]
        self._width = width

    def beside(self, x: float, y: float, label: str, *, always: bool = False) -> Markup:
        """Write the label of a point, to its right if there is room; nothing if it would hide something."""
        wide, own = width_of(label), (x - 6, y, 12.0)
        left = x + 8 if x + 8 + wide < self._width else x - 8 - wide
        free = all(abs(y - b) > 11 or left + wide < a or left > a + w for a, b, w in self._taken if (a, b, w) != own)
        if not label or not (free or always):
            return Markup()
        self._taken.append((left, y, wide))
        return text(left, y + 4, label, "tick") if left > x else text(x - 8, y + 4, label, "tick", anchor="end")
