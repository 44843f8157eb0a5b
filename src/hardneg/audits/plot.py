"""The frontier as a picture; needs matplotlib."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hardneg.errors import InputError, MissingExtraError
from hardneg.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = (".png", ".svg", ".pdf")
_AXES = ("relative", "contamination")
_MARKERS = "osD^vP*X<>hp"


def plot_frontier(frame: pl.DataFrame, path: Path) -> Path:
    """Draw contamination against the relative score of the other negatives: down and to the right is better.

    Variants under the coverage floor are hollow: they are not compared. Compared ones are drawn at equal coverage.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    kinds = frame["filter"].unique(maintain_order=True)
    for number, kind in enumerate(kinds):
        _draw(axes, frame.filter(pl.col("filter") == kind), kind, f"C{number % 10}", _MARKERS[number % len(_MARKERS)])
    axes.set_xlabel("score of the other negatives, as a share of the weakest known positive's (harder →)")
    axes.set_ylabel("hidden answers among the negatives (lower bound)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", title="hollow: under the coverage floor", title_fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], dpi=150, metadata=_dateless(path))
    return path


def check_plot(path: Path) -> None:
    """Make sure that a picture can be drawn there, before the work that it shows is done."""
    if path.suffix not in _KINDS:
        raise InputError(f"{path}: a plot is one of {', '.join(_KINDS)}; give it such a name")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("matplotlib", extra="report", purpose="a plot of the frontier") from error


def _draw(axes: "Axes", rows: pl.DataFrame, label: str, colour: str, marker: str) -> None:
    """Draw the variants of one filter, a line through those that are compared."""
    line = rows.filter("compared").drop_nulls([f"equal_{name}" for name in _AXES]).sort("equal_relative")
    axes.plot(
        line["equal_relative"],
        line["equal_contamination"],
        color=colour,
        marker=marker,
        label=label if line.height else None,
    )
    for row in line.iter_rows(named=True):
        x, y = row["equal_relative"], row["equal_contamination"]
        axes.plot([x, x], [row["equal_contamination_low"], row["equal_contamination_high"]], color=colour, alpha=0.5)
        axes.plot([row["equal_relative_low"], row["equal_relative_high"]], [y, y], color=colour, alpha=0.5)
        _name(axes, row["setting"], (x, y))
    rest = rows.filter(~pl.col("compared")).drop_nulls(list(_AXES))
    hollow = axes.plot(rest["relative"], rest["contamination"], color=colour, marker=marker, linestyle="")
    hollow[0].set_markerfacecolor("none")
    if line.is_empty():
        hollow[0].set_label(label)
    for row in rest.iter_rows(named=True):
        _name(axes, row["setting"], (row["relative"], row["contamination"]))


def _name(axes: "Axes", setting: str, at: tuple[float, float]) -> None:
    text = setting.partition("=")[2] or setting
    axes.annotate(text, at, fontsize=7, xytext=(4, 3), textcoords="offset points")


def _dateless(path: Path) -> dict[str, None] | None:
    """The same figures shall make the same file."""
    return {"Date": None} if path.suffix == ".svg" else {"CreationDate": None} if path.suffix == ".pdf" else None
