"""Drawing primitives: SVG that takes colours and letters from the page, so that it follows light, dark and print.

Classes stand in for colours; `style.css` says what they look like.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

# Widths of every figure: for a page, and for a phone. The page shows the one that fits; letters are as large in both.
WIDE, NARROW = 720, 340
_MINUS = "\N{MINUS SIGN}"  # as wide as a plus
_LETTER = 6.9  # mean width of a letter of 12 px, to leave room for labels


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Give the pixel of a value; values beyond the ends are put on them."""
        span = self.high - self.low
        share = 0.5 if span == 0 else (value - self.low) / span
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)


def ticks(low: float, high: float, n: int) -> list[float]:
    """List round numbers between two values.

    >>> ticks(0.0, 1.0, 5)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(n, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]


def number(value: float | None, digits: int | None = None) -> str:
    """Write a number for people: thousands apart, no more digits than it can mean.

    >>> number(136940), number(0.57361), number(None), number(0.00012)
    ('136,940', '0.574', '–', '0.00012')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if digits is not None:
        text = f"{value:,.{digits}f}"
    elif float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        size = abs(value)
        text = f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 100 else f"{value:.3g}"
    return text.replace("-", _MINUS)


def signed(value: float, digits: int = 3) -> str:
    """Write a difference with its sign; a true minus sign, which is as wide as a plus."""
    return f"{value:+.{digits}f}".replace("-", _MINUS)


def share(part: float, whole: float) -> str:
    """Write a share in percent, with a digit more where it is small."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def text(x: float, y: float, content: object, kind: str = "label", *, anchor: str = "start") -> Markup:
    """Write a line of text; `anchor` says which end of it stands at `x`."""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, kind, anchor, str(content)
    )


def fitting(content: str, pixels: float) -> str:
    """Cut text that would be wider than so many pixels."""
    most = max(int(pixels / _LETTER), 2)
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def width_of(content: str) -> float:
    """Estimate how wide a label is, in pixels."""
    return len(content) * _LETTER


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """Draw a straight line."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(x1, y1, x2, y2, kind)


def rect(x: float, y: float, width: float, height: float, kind: str, *, hint: str = "") -> Markup:
    """Draw a rectangle; the hint shows when the pointer rests on it."""
    return Markup('<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" class="{}">{}</rect>').format(
        x, y, max(width, 0.0), height, kind, _hint(hint)
    )


def dot(x: float, y: float, radius: float, kind: str, hint: str = "") -> Markup:
    """Draw a disc; the hint shows when the pointer rests on it."""
    return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" class="{}">{}</circle>').format(
        x, y, radius, kind, _hint(hint)
    )


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False, hint: str = "") -> Markup:
    """Draw a line through points; nothing for none. The hint shows when the pointer rests on it."""
    if not points:
        return Markup()
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path d="M{}{}" class="{}">{}</path>').format(steps, "Z" if closed else "", kind, _hint(hint))


def x_axis(scale: Scale, y: float, *, n: int, top: float, title: str = "", percent: bool = False) -> Markup:
    """Draw ticks with labels below `y`, with light lines up to `top`."""
    parts = []
    for value in ticks(scale.low, scale.high, n):
        x = scale(value)
        label = f"{100 * value:.3g} %" if percent else number(value)
        parts += [line(x, top, x, y, "grid"), text(x, y + 16, label, "tick", anchor="middle")]
    if title:
        parts.append(text((scale.start + scale.end) / 2, y + 34, title, "axis", anchor="middle"))
    return Markup().join(parts)


def y_axis(scale: Scale, x: float, *, n: int, right: float, percent: bool = False) -> Markup:
    """Draw ticks with labels left of `x`, with light lines to `right`."""
    parts = []
    for value in ticks(scale.low, scale.high, n):
        y = scale(value)
        label = f"{100 * value:.3g} %" if percent else number(value)
        parts += [line(x, y, right, y, "grid"), text(x - 6, y + 4, label, "tick", anchor="end")]
    return Markup().join(parts)


def picture(width: float, height: float, parts: Sequence[Markup], *, title: str, description: str) -> Markup:
    """Put parts together to a picture that screen readers read out as its title and description."""
    return Markup(
        '<svg viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" role="img" aria-label="{2}">'
        "<desc>{3}</desc>{4}</svg>"
    ).format(width, height, f"{title}. {description}", description, Markup().join(parts))


def _hint(hint: str) -> Markup:
    return Markup("<title>{}</title>").format(hint) if hint else Markup()
