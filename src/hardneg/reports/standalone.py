"""A figure as a file of its own, which a README or a slide can show."""

from importlib import resources

from hardneg.reports.figure import Figure
from hardneg.reports.svg import WIDE


def standalone(figure: Figure, width: int = WIDE) -> str:
    """Write a figure as SVG with its style inside; it follows the light or dark setting of whoever looks at it.

    >>> import polars as pl
    >>> from hardneg.reports.intervals import Intervals
    >>> table = pl.DataFrame({"name": ["a"], "value": [0.5], "low": [0.4], "high": [0.6]})
    >>> standalone(Intervals("ladder", "The ladder", "One rung.", table, "nDCG@10"))[:43]
    '<svg xmlns="http://www.w3.org/2000/svg" vie'
    """
    style = resources.files("hardneg.reports").joinpath("style.css").read_text(encoding="utf-8")
    paper = f'<style>{style}</style><rect width="100%" height="100%" style="fill:var(--panel)"/>'
    drawn = str(figure.svg(width)).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    head, opening, rest = drawn.partition("<desc>")
    return f"{head}{paper}{opening}{rest}\n"
