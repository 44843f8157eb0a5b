"""Figures of quality: how good each system is, how far apart they are, for which queries, and by how many negatives."""

import math
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from hardneg.drawing.figure import Figure
from hardneg.drawing.intervals import Intervals
from hardneg.drawing.lines import Line, Lines, Panel, outline
from hardneg.drawing.points import Point, Points
from hardneg.drawing.svg import number, share, signed
from hardneg.evaluation.significance import Comparison, Row, compare
from hardneg.reports.contents import LadderTables, RaceTable

_FEWEST = 3  # sizes of pools that differ; less is no curve
_MOST_STEPS = 500


def plain(name: str) -> str:
    """Write the name of a row as the tables do."""
    return name.replace("_", "-")


def quality(rows: Sequence[Row]) -> Figure:
    """Lay out what every system reaches by the measure of the last; the table has all measures."""
    measure = rows[-1].measure
    table = pl.DataFrame(
        [
            {"name": plain(row.name), "measure": name, **{key: each[key] for key in ("value", "low", "high", "n")}}
            | {"seeds": len(each["seeds"]), "sd": each["sd"]}
            for row in rows
            for name, each in row.as_dict().items()
        ],
        schema_overrides={"sd": pl.Float64},
    )
    drawn = table.filter(pl.col("measure") == measure)
    best = drawn.sort("value", descending=True).row(0, named=True)
    lead = (
        f"{best['name']} reaches {best['value']:.4f} {measure}, the most of {drawn.height}. Bars are 95 % intervals "
        f"over {number(best['n'])} test queries."
    )
    marks = Intervals(drawn, measure, marked=plain(rows[-1].name))
    return Figure("quality", "Quality on the test queries", lead, table, marks)


def differences(rows: Sequence[Row]) -> Figure | None:
    """Compare the last system with each of the others, query by query; None for a single row."""
    comparisons = compared(rows)
    if not comparisons:
        return None
    table = pl.DataFrame(
        [
            {"name": f"against {plain(name)}", "value": one.difference, "low": one.low, "high": one.high}
            | {"p_value": one.p_value, "wins": one.wins, "ties": one.ties, "losses": one.losses}
            for name, one in comparisons.items()
        ]
    )
    gains = [f"{signed(one.difference)} against {plain(name)}" for name, one in comparisons.items()]
    last = plain(rows[-1].name)
    lead = f"{last}: {', '.join(gains)}. An interval that crosses 0 leaves open whether there is a difference."
    marks = Intervals(table, f"difference in {rows[-1].measure}", differences=True)
    return Figure("differences", f"What {last} gained", lead, table, marks)


def compared(rows: Sequence[Row]) -> dict[str, Comparison]:
    """Compare the last row with each before it, by name; rows of other queries are left out."""
    if not rows:
        return {}
    last, measure = rows[-1].per_query, rows[-1].measure
    same = [row for row in rows[:-1] if row.per_query["query_id"].equals(last["query_id"])]
    return {row.name: compare(row.per_query, last, measure) for row in same if measure in row.per_query}


def race(raced: RaceTable) -> Figure:
    """Lay out the trainings of a fit, round by round."""
    named = pl.format(
        "{}: {}, rate {}, {} steps", "round", pl.col("strategy").str.replace_all("_", "-"), "rate", "steps"
    )
    table = raced.trainings.select(named.alias("name"), pl.all())
    best = table.sort("value", descending=True).row(0, named=True)
    lead = (
        f"{number(table.height)} trainings on one half of the development queries; the best reached "
        f"{best['value']:.4f} {raced.measure}. {plain(raced.winner)} is handed over: {plain(raced.reason)}. Bars are "
        "95 % intervals; the tests that decide who goes on are paired, query by query."
    )
    return Figure("race", "The race", lead, table, Intervals(table, raced.measure, marked=best["name"]))


def climbs(comparisons: pl.DataFrame, *, measure: str) -> Figure:
    """Lay out what the rungs of a ladder gained on each other."""
    gained = comparisons.filter(pl.col("low") > 0).height
    lead = (
        f"{number(gained)} of {number(comparisons.height)} differences lie above 0 with their whole interval. The "
        "table has p-values corrected for the number of comparisons."
    )
    marks = Intervals(comparisons, f"difference in {measure}", differences=True)
    return Figure("climbs", "What each rung gained", lead, comparisons, marks)


def ladder(found: LadderTables) -> Figure:
    """Lay out a ladder of training strategies, from the bottom rung to the top."""
    best = found.rungs.drop_nulls("value").sort("value", descending=True)
    lead = "No rung was measured yet."
    if best.height:
        highest = f"{plain(best['name'][0])} stands highest: {best['value'][0]:.4f} {found.measure}"
        lead = f"From the bottom rung to the top; {highest}."
    marks = Intervals(found.rungs, found.measure, marked=found.shown)
    return Figure("ladder", "The ladder", lead, found.rungs, marks)


class Gains(Figure):
    """Which queries gained and which lost, the largest gain first."""

    def extremes(self, n: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Give the queries that gained most and those that lost most, each from the most."""
        won, lost = (self.table.filter(pl.col("difference") * sign > 0) for sign in (1, -1))
        return won.head(n), lost.reverse().head(n)


def gains(
    rows: Sequence[Row], placed: Mapping[str, pl.DataFrame], queries: pl.DataFrame | None = None
) -> Iterator[Gains]:
    """Pair the last row with those that it should improve on, query by query; rows of other queries are left out.

    Where the rank of a query's best-placed positive is known it stands beside, null if none was found.
    """
    for row in rows[:-1]:
        after = rows[-1]
        if row.name in ("zero_shot", "in_batch") and row.per_query["query_id"].equals(after.per_query["query_id"]):
            sides = [_side(each, placed, name, after.measure) for each, name in ((row, "before"), (after, "after"))]
            both = sides[0].join(sides[1], on="query_id").with_columns(difference=pl.col("after") - pl.col("before"))
            ranks = [name for name in ("rank_before", "rank_after") if name in both.columns]
            table = both.select("query_id", "before", "after", "difference", *ranks)
            table = table.sort("difference", "query_id", descending=[True, False])
            if queries is not None:
                texts = queries.select(query_id="id", query=pl.col("text").str.slice(0, 140))
                table = table.join(texts, on="query_id", how="left", maintain_order="left")
            yield _gains(plain(row.name), plain(after.name), table, after.measure)


def _side(row: Row, placed: Mapping[str, pl.DataFrame], side: str, measure: str) -> pl.DataFrame:
    table = row.per_query.select("query_id", pl.col(measure).alias(side))
    if row.name not in placed:
        return table
    ranks = placed[row.name].select("query_id", pl.col("rank").alias(f"rank_{side}"))
    return table.join(ranks, on="query_id", how="left", maintain_order="left")


def _gains(before: str, after: str, table: pl.DataFrame, measure: str) -> Gains:
    values = table["difference"].to_list()
    n, wins, losses = len(values), sum(value > 0 for value in values), sum(value < 0 for value in values)
    lead = (
        f"{number(wins)} of {number(n)} queries gained ({share(wins, n)}), {number(losses)} lost ({share(losses, n)}), "
        f"{number(n - wins - losses)} stayed as they were; {signed(sum(values) / max(n, 1))} {measure} on average."
    )
    areas = [
        Line(outline(_steps(values, range(wins))), "chosen", filled=True),
        Line(outline(_steps(values, range(n - losses, n))), "refused", filled=True),
    ]
    marks = Lines([Panel("", areas, zero=False)], 0, max(n, 1), ("← gained most", "lost most →"), height=220)
    return Gains(f"gains-{before}", f"Query by query: {after} against {before}", lead, table, marks)


def _steps(values: Sequence[float], places: range) -> list[tuple[float, float, float]]:
    """Give the bars of neighbouring queries; where there are very many, every so many share one with their mean."""
    size = max(-(-len(places) // _MOST_STEPS), 1)
    parts = [places[start : start + size] for start in range(0, len(places), size)]
    return [(part[0], part[-1] + 1, sum(values[at] for at in part) / len(part)) for part in parts]


def pool_sizes(trained: pl.DataFrame, *, measure: str) -> Figure | None:
    """Lay out what trainings reach with pools of different sizes; None where these differ too little to see anything.

    Rows without a size or an interval are left out. With a column `group`, a curve joins each group.
    """
    if "n_pool" not in trained.columns:
        return None
    table = trained.drop_nulls(["n_pool", "value", "low", "high"]).filter(pl.col("n_pool") > 0)
    if len({round(math.log2(size)) for size in table["n_pool"]}) < _FEWEST:
        return None
    table = table if "group" in table.columns else table.with_columns(group=pl.lit(""))
    best = table.sort("value", descending=True).row(0, named=True)
    sizes = sorted(round(size) for size in table["n_pool"])
    lead = (
        f"Pools of {number(sizes[0])} to {number(sizes[-1])} documents. {best['name']} "
        f"({number(round(best['n_pool']))}) stands highest: {best['value']:.4f} {measure}. Bars are 95 % intervals "
        "over queries."
    )
    names = table["group"].unique(maintain_order=True)
    groups = {
        name: [
            Point(
                math.log2(row["n_pool"]),
                row["value"],
                name=row["name"] if len(names) == 1 else "",
                hint=f"{row['name']}: {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]",
                y_ends=(row["low"], row["high"]),
            )
            for row in table.filter(group=name).sort("n_pool").iter_rows(named=True)
        ]
        for name in names
    }
    return Figure("pool-sizes", "How many negatives", lead, table, Points(groups, "documents in the pool", "log2"))
