"""How good each system is, how far apart they are, and how far each rung of a ladder leads."""

from collections.abc import Sequence

import polars as pl

from hardneg.evaluation.row import Row
from hardneg.evaluation.significance import Comparison, compare
from hardneg.reports.contents import Ladder
from hardneg.reports.intervals import Intervals
from hardneg.reports.svg import number, signed

MEASURE = "nDCG@10"


def plain(name: str) -> str:
    """Write the name of a row as the tables do."""
    return name.replace("_", "-")


def quality(rows: Sequence[Row], *, measure: str = MEASURE) -> Intervals:
    """Lay out what every system reaches; the table has all measures."""
    found = [
        {"name": plain(row.name), "measure": name, **{key: each[key] for key in ("value", "low", "high", "n")}}
        | {"seeds": len(each["seeds"]), "sd": each["sd"]}
        for row in rows
        for name, each in row.as_dict().items()
    ]
    table = pl.DataFrame(found, schema_overrides={"sd": pl.Float64})
    drawn = table.filter(pl.col("measure") == measure)
    best = drawn.sort("value", descending=True).row(0, named=True)
    lead = (
        f"{best['name']} reaches {best['value']:.4f} {measure}, the most of {drawn.height}. Bars are 95 % intervals "
        f"over {number(best['n'])} test queries."
    )
    return Intervals("quality", "Quality on the test queries", lead, table, measure, only=measure)


def differences(rows: Sequence[Row], *, measure: str = MEASURE) -> Intervals | None:
    """Compare the last system with each of the others, query by query."""
    found = compared(rows, measure=measure)
    if not found:
        return None
    table = pl.DataFrame(
        [
            {"name": f"against {plain(name)}", "value": one.difference, "low": one.low, "high": one.high}
            | {"p_value": one.p_value, "wins": one.wins, "ties": one.ties, "losses": one.losses}
            for name, one in found.items()
        ]
    )
    sure = [f"{signed(one.difference)} against {plain(name)}" for name, one in found.items()]
    lead = (
        f"{plain(rows[-1].name)}: {', '.join(sure)}. An interval that crosses 0 leaves open whether there is a "
        "difference."
    )
    title = f"What {plain(rows[-1].name)} gained"
    return Intervals("differences", title, lead, table, f"difference in {measure}", differences=True)


def compared(rows: Sequence[Row], *, measure: str = MEASURE) -> dict[str, Comparison]:
    """Compare the last row with each before it, by name; rows of other queries are left out."""
    if not rows:
        return {}
    last = rows[-1].per_query
    same = [row for row in rows[:-1] if row.per_query["query_id"].equals(last["query_id"])]
    return {row.name: compare(row.per_query, last, measure) for row in same}


def climbs(comparisons: pl.DataFrame, *, measure: str = MEASURE) -> Intervals:
    """Lay out what the rungs of a ladder gained on each other."""
    gained = comparisons.filter(pl.col("low") > 0).height
    lead = (
        f"{number(gained)} of {number(comparisons.height)} differences lie above 0 with their whole interval. The "
        "table has p-values corrected for the number of comparisons."
    )
    return Intervals("climbs", "What each rung gained", lead, comparisons, f"difference in {measure}", differences=True)


def ladder(found: Ladder) -> Intervals:
    """Lay out a ladder of training strategies, from the bottom rung to the top."""
    best = found.rungs.drop_nulls("value").sort("value", descending=True)
    lead = "No rung was measured yet."
    if best.height:
        highest = f"{plain(best['name'][0])} stands highest: {best['value'][0]:.4f} {found.measure}"
        lead = f"From the bottom rung to the top; {highest}."
    return Intervals("ladder", "The ladder", lead, found.rungs, found.measure, marked=found.shown)
