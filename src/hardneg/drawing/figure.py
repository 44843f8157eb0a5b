"""A figure: a picture, the table behind it, and the sentence that it stands for."""

from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Protocol

import polars as pl

from hardneg.drawing.svg import WIDE, Svg, element


class Marks(Protocol):
    """What a renderer draws."""

    def draw(self, width: int) -> tuple[list[Svg], float]:
        """Draw it so many pixels wide; gives its height too."""


@dataclass(frozen=True, eq=False)
class Figure:
    """What a page shows, and what is said of it to those who cannot see it."""

    key: str  # its name in links and file names, such as `funnel`
    title: str
    lead: str  # can be read without the picture
    table: pl.DataFrame
    marks: Marks

    def frame(self) -> pl.DataFrame:
        """The numbers that are drawn."""
        return self.table

    def svg(self, width: int) -> Svg:
        """The picture, so many pixels wide; screen readers read it out as its title and lead."""
        return self._picture(width)

    def _picture(self, width: int, *paper: Svg, **attributes: object) -> Svg:
        parts, height = self.marks.draw(width)
        attributes |= {"viewBox": f"0 0 {width} {height:.0f}", "width": width, "height": round(height), "role": "img"}
        label = f"{self.title}. {self.lead}"
        return element("svg", *paper, element("desc", Svg(escape(self.lead))), *parts, **attributes, aria_label=label)


def style() -> str:
    """Read what colours and letters look like; they follow the light or dark setting of whoever looks at them."""
    return resources.files("hardneg.drawing").joinpath("style.css").read_text(encoding="utf-8")


def standalone(figure: Figure, width: int = WIDE) -> str:
    """Write a figure as an SVG file of its own, its style inside, which a README or a slide can show.

    >>> import polars as pl
    >>> from hardneg.drawing.intervals import Intervals
    >>> table = pl.DataFrame({"name": ["a"], "value": [0.5], "low": [0.4], "high": [0.6]})
    >>> standalone(Figure("ladder", "The ladder", "One rung.", table, Intervals(table, "nDCG@10")))[:43]
    '<svg xmlns="http://www.w3.org/2000/svg" vie'
    """
    paper = element("rect", width="100%", height="100%", style="fill:var(--panel)")
    namespace = "http://www.w3.org/2000/svg"
    return figure._picture(width, element("style", Svg(style())), paper, xmlns=namespace) + "\n"


def html_page(figure: Figure) -> str:
    """Write a figure as a page of its own."""
    title, lead = escape(figure.title), escape(figure.lead)
    head = f'<meta charset="utf-8"><title>{title}</title><style>body {{ font: 16px sans-serif; margin: 2rem }}</style>'
    return f'<!doctype html>\n<html lang="en">{head}<h1>{title}</h1><p>{lead}</p>{standalone(figure)}</html>\n'
