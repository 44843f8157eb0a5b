"""Which test queries gained and which lost."""

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import Scale, line, number, path, picture, share, signed, text, y_axis

_HEIGHT, _HEAD, _FOOT, _LEFT = 220, 16, 34, 44
_MOST_POINTS = 500


@dataclass(frozen=True, eq=False)
class Gains:
    """Each query's measure before and after."""

    before: str
    after: str
    measure: str
    table: pl.DataFrame

    @property
    def key(self) -> str:
        """Name in links."""
        return f"gains-{self.before}"

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Query by query: {self.after} against {self.before}"

    @property
    def lead(self) -> str:
        """How many gained, lost, stayed."""
        wins = self.table.filter(pl.col("difference") > 0).height
        losses = self.table.filter(pl.col("difference") < 0).height
        n = self.table.height
        mean = float(self.table["difference"].mean() or 0.0)  # type: ignore[arg-type]
        return (
            f"{number(wins)} of {number(n)} queries gained ({share(wins, n)}), {number(losses)} lost "
            f"({share(losses, n)}), {number(n - wins - losses)} stayed as they were; {signed(mean)} {self.measure} on "
            "average."
        )

    def frame(self) -> pl.DataFrame:
        """One row a query, the largest gain first."""
        return self.table

    def extremes(self, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the queries that gained most and those that lost most, each from the most."""
        won, lost = self.table.filter(pl.col("difference") > 0), self.table.filter(pl.col("difference") < 0)
        return won.head(n), lost.reverse().head(n)

    def svg(self, width: int) -> Markup:
        """All differences from the largest gain to the largest loss."""
        values = self.table["difference"].to_list()
        size = max(max(map(abs, values), default=1.0), 1e-9)
        scale = Scale(size, -size, _HEAD, _HEAD + _HEIGHT)
        across = Scale(0, max(len(values), 1), _LEFT, width)
        parts = [y_axis(Scale(-size, size, _HEAD + _HEIGHT, _HEAD), _LEFT, n=4, right=width)]
        for kind, sign in (("chosen", 1), ("refused", -1)):
            places = [at for at, value in enumerate(values) if sign * value > 0]
            if places:
                parts.append(path(_steps(values, places, across, scale), f"fill {kind}", closed=True))
        parts.append(line(_LEFT, scale(0), width, scale(0), "zero"))
        bottom = _HEAD + _HEIGHT + 18
        parts += [
            text(_LEFT, bottom, "← gained most", "axis"),
            text(width, bottom, "lost most →", "axis", anchor="end"),
        ]
        return picture(width, _HEAD + _HEIGHT + _FOOT, parts, title=self.title, description=self.lead)


def _steps(values: list[float], places: list[int], across: Scale, scale: Scale) -> list[tuple[float, float]]:
    """Outline the bars of neighbouring queries; where there are very many, every so many share one."""
    size = -(-len(places) // _MOST_POINTS)
    points = [(across(places[0]), scale(0))]
    for start in range(0, len(places), size):
        part = places[start : start + size]
        height = scale(sum(values[at] for at in part) / len(part))
        points += [(across(part[0]), height), (across(part[-1] + 1), height)]
    return [*points, (across(places[-1] + 1), scale(0))]


def gains(before: pl.DataFrame, after: pl.DataFrame, *, names: tuple[str, str], measure: str) -> Gains:
    """Pair two evaluations of the same queries."""
    sides = []
    for table, side in ((before, "before"), (after, "after")):
        extra = [pl.col("rank").alias(f"rank_{side}")] if "rank" in table.columns else []
        sides.append(table.select("query_id", pl.col(measure).alias(side), *extra))
    both = sides[0].join(sides[1], on="query_id").with_columns(difference=pl.col("after") - pl.col("before"))
    ranks = [name for name in ("rank_before", "rank_after") if name in both.columns]
    both = both.select("query_id", "before", "after", "difference", *ranks)
    return Gains(*names, measure, both.sort("difference", "query_id", descending=[True, False]))
