"""Quality against the number of documents in the pool."""

import math
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.reports.series import Labels, legend, marker, series
from hardneg.reports.svg import Scale, line, number, path, picture, text, y_axis

_HEIGHT, _FOOT, _LEFT, _RIGHT = 260, 44, 52, 14
_FEWEST = 3  # sizes that differ; less is no curve


@dataclass(frozen=True, eq=False)
class PoolSizes:
    """One point for each training, by the size of its pool."""

    table: pl.DataFrame
    measure: str

    key = "pool-sizes"
    title = "How many negatives"

    @property
    def lead(self) -> str:
        """Where the best lies."""
        best = self.table.sort("value", descending=True).row(0, named=True)
        sizes = sorted(round(size) for size in self.table["n_pool"])
        return (
            f"Pools of {number(sizes[0])} to {number(sizes[-1])} documents. {best['name']} "
            f"({number(round(best['n_pool']))}) stands highest: {best['value']:.4f} {self.measure}. Bars are 95 % "
            "intervals over queries."
        )

    def frame(self) -> pl.DataFrame:
        """One row a training."""
        return self.table

    def svg(self, width: int) -> Markup:
        """Sizes double from left to right."""
        groups = self.table["group"].unique(maintain_order=True).to_list()
        names, head = legend(groups, width, left=_LEFT) if len(groups) > 1 else ([], 12.0)
        x, y = self._across(width), self._up(head)
        points = [(x(math.log2(a)), y(b)) for a, b in self.table.select("n_pool", "value").iter_rows()]
        labels = Labels(points, width)
        parts = [*names, *_sizes(x, y.start, head, n=4 if width < 500 else 9), y_axis(y, _LEFT, n=5, right=x.end)]
        for at, group in enumerate(groups):
            rows = self.table.filter(group=group).sort("n_pool")
            if len(groups) > 1:
                through = rows.select("n_pool", "value").iter_rows()
                parts.append(path([(x(math.log2(a)), y(b)) for a, b in through], f"curve thin {series(at)}"))
            for row in rows.iter_rows(named=True):
                place = (x(math.log2(row["n_pool"])), y(row["value"]))
                parts.append(line(place[0], y(row["low"]), place[0], y(row["high"]), f"bar {series(at)}"))
                hint = f"{row['name']}: {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
                parts.append(marker(*place, 5, at=at, kind=f"marker {series(at)}", hint=hint))
                if len(groups) == 1:
                    parts.append(labels.beside(*place, str(row["name"])))
        parts.append(line(_LEFT, y.start, x.end, y.start, "base"))
        return picture(width, y.start + _FOOT, parts, title=self.title, description=self.lead)

    def _across(self, width: int) -> Scale:
        sizes = [math.log2(size) for size in self.table["n_pool"]]
        return Scale(min(sizes) - 0.3, max(sizes) + 0.3, _LEFT, width - _RIGHT)

    def _up(self, head: float) -> Scale:
        low, high = min(self.table["low"]), max(self.table["high"])
        margin = 0.05 * (high - low) or 0.05
        return Scale(low - margin, high + margin, head + _HEIGHT, head)


def pool_sizes(trained: pl.DataFrame, *, measure: str) -> PoolSizes | None:
    """Lay out what trainings reach with pools of different sizes."""
    if "n_pool" not in trained.columns:
        return None
    whole = trained.drop_nulls(["n_pool", "value", "low", "high"]).filter(pl.col("n_pool") > 0)
    if len({round(math.log2(size)) for size in whole["n_pool"]}) < _FEWEST:
        return None
    table = whole.with_columns(group=pl.lit("")) if "group" not in whole.columns else whole
    return PoolSizes(table, measure)


def _sizes(scale: Scale, bottom: float, top: float, *, n: int) -> list[Markup]:
    """Draw the axis: powers of two, each n-th part of them."""
    first, last = math.ceil(scale.low), math.floor(scale.high)
    parts = []
    for power in range(first, last + 1, max(1, -(-(last - first + 1) // n))):
        x = scale(power)
        label = text(x, bottom + 16, number(2.0**power), "tick", anchor="middle")
        parts += [line(x, top, x, bottom, "grid"), label]
    title = "documents in the pool"
    return [*parts, text((scale.start + scale.end) / 2, bottom + 34, title, "axis", anchor="middle")]
