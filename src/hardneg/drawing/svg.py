"""Drawing primitives: SVG that takes colours and letters from a style, so that it follows light, dark and print.

Classes stand in for colours; `style.css` says what they look like. Text is escaped where it enters an element, and
mypy tells what is an element already from what is still text.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NewType

Svg = NewType("Svg", str)

# Widths of every figure: for a page, and for a phone. The page shows the one that fits; letters are as large in both.
WIDE, NARROW = 720, 340
_MINUS = "\N{MINUS SIGN}"  # as wide as a plus
_LETTER = 6.9  # mean width of a letter of 12 px, to leave room for labels


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to pixels; values beyond its ends are put on them."""

    low: float
    high: float
    start: float  # pixel of `low`; larger than `end` where values grow upwards
    end: float

    def __call__(self, value: float) -> float:
        """Give the pixel of a value."""
        span = self.high - self.low
        share = 0.5 if span == 0 else (value - self.low) / span
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 2)

    @classmethod
    def padded(
        cls, values: Sequence[float], start: float, end: float, *, margin: float = 0.05, zero: bool = False
    ) -> "Scale":
        """Leave a margin, as a share of the span, around some values; with `zero`, 0 is an end without one."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        low = min(low, 0.0) if zero else low
        more = margin * (high - low) or 0.05
        return cls(low if zero and low == 0 else low - more, high + more, start, end)


def ticks(low: float, high: float, n: int) -> list[float]:
    """List round numbers between two values, about `n` of them: multiples of 1, 2 or 5 times a power of ten.

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


def signed(value: float) -> str:
    """Write a difference with its sign; a true minus sign, which is as wide as a plus."""
    return f"{value:+.3f}".replace("-", _MINUS)


def share(part: float, whole: float) -> str:
    """Write a share in percent, with a digit more where it is small."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def element(tag: str, *inside: Svg, **attributes: object) -> Svg:
    """Write an element; `kind` is its class, and `text_anchor` stands for text-anchor."""
    names = {"kind": "class"}
    written = "".join(
        f' {names.get(name, name.replace("_", "-"))}="{_written(value)}"' for name, value in attributes.items()
    )
    return Svg(f"<{tag}{written}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{written}/>")


def _written(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _hint(hint: str) -> tuple[Svg, ...]:
    """What shows when the pointer rests on an element."""
    return (element("title", Svg(escape(hint))),) if hint else ()


def text(x: float, y: float, content: object, kind: str = "label", *, anchor: str = "start") -> Svg:
    """Write a line of text; `anchor` says which end of it stands at `x`."""
    return element("text", Svg(escape(str(content))), x=x, y=y, kind=kind, text_anchor=anchor)


def fitting(content: str, pixels: float) -> str:
    """Cut text that would be wider than so many pixels."""
    most = max(int(pixels / _LETTER), 2)
    return content if len(content) <= most else content[: most - 1].rstrip() + "…"


def width_of(content: str) -> float:
    """Estimate how wide a label is, in pixels."""
    return len(content) * _LETTER


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Svg:
    """Draw a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, kind=kind)


def rect(x: float, y: float, width: float, height: float, kind: str, *, hint: str = "") -> Svg:
    """Draw a rectangle."""
    return element("rect", *_hint(hint), x=x, y=y, width=max(width, 0.0), height=height, kind=kind)


def dot(x: float, y: float, radius: float, kind: str, *, hint: str = "") -> Svg:
    """Draw a disc."""
    return element("circle", *_hint(hint), cx=x, cy=y, r=radius, kind=kind)


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False, hint: str = "") -> Svg:
    """Draw a line through points; nothing for none."""
    if not points:
        return Svg("")
    steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return element("path", *_hint(hint), d=f"M{steps}{'Z' if closed else ''}", kind=kind)


def x_axis(scale: Scale, y: float, *, top: float, title: str = "", unit: str = "") -> list[Svg]:
    """Draw ticks with labels below `y`, with light lines up to `top`."""
    parts = []
    for x, label in _ticks(scale, int((scale.end - scale.start) / 80), unit):
        parts += [line(x, top, x, y, "grid"), text(x, y + 16, label, "tick", anchor="middle")]
    return [*parts, text((scale.start + scale.end) / 2, y + 34, title, "axis", anchor="middle")]


def y_axis(scale: Scale, x: float, *, right: float, unit: str = "") -> list[Svg]:
    """Draw ticks with labels left of `x`, with light lines to `right`."""
    parts = []
    for y, label in _ticks(scale, max(int((scale.start - scale.end) / 40), 4), unit):
        parts += [line(x, y, right, y, "grid"), text(x - 6, y + 4, label, "tick", anchor="end")]
    return parts


def _ticks(scale: Scale, n: int, unit: str) -> Iterator[tuple[float, str]]:
    """Place and label ticks; the units are "%", for shares, and "log2", for values that double from tick to tick."""
    if unit == "log2":
        first, last = math.ceil(scale.low), math.floor(scale.high)
        yield from ((scale(at), number(2.0**at)) for at in range(first, last + 1, max(1, -(-(last - first + 1) // n))))
        return
    for value in ticks(scale.low, scale.high, n):
        yield scale(value), f"{100 * value:.3g} %" if unit == "%" else number(value)
