"""The frontier as a picture: contamination against hardness, a marker for each setting of a filter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.drawing.figure import Figure, html_page, standalone
from hardneg.drawing.points import Point, Points
from hardneg.drawing.svg import number
from hardneg.errors import InputError
from hardneg.files import replacing

_KINDS = {".svg": standalone, ".html": html_page}


def frontier_figure(
    table: pl.DataFrame, *, score: str = "", best: str | None = None, budget: float | None = None
) -> Figure:
    """Draw what `Frontier.frame` gives: down and to the right is better.

    Settings under the coverage floor are hollow: they are not compared. Compared ones are drawn at equal coverage.
    `best` is the setting that `hardneg calibrate` recommends for a `budget` of leakage, as "filter setting".
    """
    n_compared = table.filter("compared").height
    lead = (
        f"{number(table.height)} settings of filters on hidden positives, {number(n_compared)} of them with enough "
        "coverage to be compared (filled). Further down is cleaner, further right is harder."
    )
    if budget is not None:
        choice = f"the hardest negatives come from {best}" if best else "no setting keeps it"
        lead += f" Within a leakage of {100 * budget:g} %, {choice}."
    groups: dict[str, list[Point]] = {}
    for row in table.iter_rows(named=True):
        point = _point(row, best)
        if point is not None:
            groups.setdefault(row["filter"], []).append(point)
    axis = f"score{f' by {score}' if score else ''}, relative to the weakest positive →"
    return Figure(
        "frontier", "Contamination against hardness", lead, table, Points(groups, axis, y_unit="%", zero=True)
    )


def _point(row: Mapping[str, Any], best: str | None) -> Point | None:
    equal = row["compared"] and None not in (row["equal_relative"], row["equal_contamination"])
    x, y = ("equal_relative", "equal_contamination") if equal else ("relative", "contamination")
    if row[x] is None or row[y] is None:
        return None
    setting = f"{row['filter']} {row['setting']}".strip()
    x_ends, y_ends = (_ends(row, name) if equal else None for name in (x, y))
    return Point(
        row[x],
        row[y],
        name=row["setting"].rpartition("=")[2],
        hint=f"{setting}: {100 * row[y]:.2g} % at {number(row[x])}",
        x_ends=x_ends,
        y_ends=y_ends,
        hollow=not equal,
        ringed=setting == best,
    )


def _ends(row: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return None if low is None or high is None else (low, high)


def plot_frontier(figure: Figure, path: Path) -> Path:
    """Write the picture as an SVG file, or as a page."""
    check_plot(path)
    with replacing(path, sums=False) as temporary:
        temporary.write_text(_KINDS[path.suffix](figure), encoding="utf-8")
    return path


def check_plot(path: Path) -> None:
    """Make sure that a picture can be written there, before the work that it shows is done."""
    if path.suffix not in _KINDS:
        raise InputError(f"{path}: a plot is one of {', '.join(_KINDS)}; give it such a name")
