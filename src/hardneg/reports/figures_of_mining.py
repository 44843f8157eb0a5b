"""Figures of mining: what became of every candidate, what each query got, and how hard it all is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from hardneg.drawing.bars import Bar, Bars, Histogram
from hardneg.drawing.figure import Figure
from hardneg.drawing.lines import Hill, Hills
from hardneg.drawing.svg import number, share
from hardneg.filters.apply import ALWAYS

# A row of candidates belongs to the first that fits; "chosen" are those of the kept that became negatives.
GROUPS = {
    "positives": "labelled positives",
    "refused": "refused by a filter",
    "kept": "kept, not chosen",
    "chosen": "chosen as negatives",
}
BINS = 48
_MOST_BARS = 17


def funnel(counts: Mapping[str, Any], filters: Sequence[str] = (), stage: str = "") -> Figure:
    """Lead from candidates through each filter to the chosen negatives, over all and by source."""
    refused, whole = sum(counts["dropped"].values()), counts["candidates"]
    lead = (
        f"Of {number(whole)} candidates for {number(counts['queries'])} queries the filters refused {number(refused)} "
        f"({share(refused, whole)}); {number(counts['selected'])} of the rest were chosen as negatives. A candidate "
        "that several filters object to is counted for the first."
    )
    order = reasons(counts["dropped"], filters)
    table = pl.DataFrame(
        {
            "source": name,
            "candidates": each.get("candidates", 0),
            **{f"refused by {reason}": each.get("dropped", {}).get(reason, 0) for reason in order},
            "left": each.get("eligible", 0),
            "chosen": each["selected"],
        }
        for name, each in (("all sources", counts), *counts["sources"].items())
    )
    groups = {"": list(_steps(counts, order))}
    if len(counts["sources"]) > 1:
        groups["By source: refused, left, chosen"] = [_of_source(*each) for each in counts["sources"].items()]
    title = f"From candidates to negatives{_of(stage)}"
    return Figure(_key("funnel", stage), title, lead, table, Bars(groups, max(whole, 1)))


def reasons(dropped: Mapping[str, int], filters: Sequence[str]) -> list[str]:
    """Sort the filters that refused something as they were asked; those that are not in the list come last."""
    asked = dict.fromkeys([*(filter_.name for filter_ in ALWAYS), *filters])
    return [name for name in asked if name in dropped] + [name for name in dropped if name not in asked]


def _steps(counts: Mapping[str, Any], order: Sequence[str]) -> Iterator[Bar]:
    left = whole = counts["candidates"]

    def bar(name: str, start: int, count: int, kind: str) -> Bar:
        return Bar(name, f"{number(count)} · {share(count, max(whole, 1))}", [(start, count, kind)])

    yield bar("candidates", 0, max(whole, 1), "kept")
    for reason in order:
        left -= counts["dropped"][reason]
        yield bar(f"refused by {reason}", left, counts["dropped"][reason], "refused")
    yield bar("left to choose from", 0, left, "kept")
    yield bar("chosen as negatives", 0, counts["selected"], "chosen")


def _of_source(name: str, counts: Mapping[str, Any]) -> Bar:
    refused, left, chosen = sum(counts.get("dropped", {}).values()), counts.get("eligible", 0), counts["selected"]
    rest = max(left - chosen, 0)
    segments = [(0, refused, "refused"), (refused, rest, "kept"), (refused + rest, chosen, "chosen")]
    return Bar(name, " · ".join(map(number, (refused, left, chosen))), segments)


def supply(negatives: pl.LazyFrame, *, n_queries: int, wanted: int, stage: str = "") -> Figure:
    """Count queries by their number of negatives; queries mined for without a row have none."""
    lengths = negatives.group_by("query_id").len("negatives").group_by("negatives").len("queries").collect()
    counts = {int(row["negatives"]): int(row["queries"]) for row in lengths.iter_rows(named=True)}
    counts[0] = n_queries - sum(counts.values())
    every = [counts.get(at, 0) for at in range(max(wanted, *counts) + 1)]
    short = sum(every[:wanted])
    lead = f"Each of the {number(n_queries)} queries got its {wanted}."
    if short:
        lead = (
            f"{number(short)} of {number(n_queries)} queries ({share(short, n_queries)}) got fewer than {wanted}; "
            f"{number(every[0])} got none."
        )
    table = pl.DataFrame({"negatives": range(len(every)), "queries": every})
    marks = Histogram(_columns(every, wanted), "negatives of a query")
    return Figure(_key("supply", stage), f"Negatives for each query{_of(stage)}", lead, table, marks)


def _columns(queries: Sequence[int], wanted: int) -> list[tuple[str, int, str]]:
    """Draw a column for each number of negatives; many numbers share columns."""
    size = -(-len(queries) // _MOST_BARS)
    columns = []
    for low in range(0, len(queries), size):
        high = min(low + size, len(queries)) - 1
        name = str(low) if low == high else f"{low}–{high}"
        columns.append((name, sum(queries[low : high + 1]), "refused" if high < wanted else "chosen"))
    return columns


def hardness(candidates: pl.LazyFrame, negatives: pl.LazyFrame, *, stage: str = "") -> Iterator[Figure]:
    """Bin the scores of all candidates, for each source that scores them and for a teacher.

    A score that all lack, or that is the same everywhere, has no figure.
    """
    chosen = negatives.select("query_id", "doc_id", chosen=pl.lit(True)).unique(["query_id", "doc_id"])
    grouped = candidates.join(chosen, on=["query_id", "doc_id"], how="left").with_columns(
        group=pl.when(pl.col("dropped_by") == "known_positives")
        .then(pl.lit("positives"))
        .when(pl.col("dropped_by").is_not_null())
        .then(pl.lit("refused"))
        .when(pl.col("chosen"))
        .then(pl.lit("chosen"))
        .otherwise(pl.lit("kept"))
    )
    for column in candidates.collect_schema():
        if column.startswith("score.") or column == "teacher_score":
            score = "teacher" if column == "teacher_score" else column.removeprefix("score.")
            rows = grouped.select("group", score=pl.col(column).cast(pl.Float64)).filter(pl.col("score").is_finite())
            low, high = rows.select(low=pl.col("score").min(), high=pl.col("score").max()).collect().row(0)
            if low is not None and low < high:
                yield _hardness(rows, score, low, (high - low) / BINS, stage)


def _hardness(rows: pl.LazyFrame, score: str, low: float, step: float, stage: str) -> Figure:
    place = ((pl.col("score") - low) / step).floor().clip(0, BINS - 1).cast(pl.Int32)
    counts = rows.group_by("group", bin=place).len("pairs").collect()
    middles = rows.group_by("group").agg(pairs=pl.len(), median=pl.col("score").median()).collect()
    of_group = {group: (pairs, median) for group, pairs, median in middles.iter_rows()}
    there = pl.DataFrame({"group": [group for group in GROUPS if group in of_group]})
    bins = there.join(pl.DataFrame({"bin": range(BINS)}), how="cross").join(counts, on=["group", "bin"], how="left")
    table = bins.select(
        "group",
        low=low + step * pl.col("bin"),
        high=low + step * (pl.col("bin") + 1),
        pairs=pl.col("pairs").fill_null(0),
    )
    hills = []
    for (group,), part in table.partition_by("group", maintain_order=True, as_dict=True).items():
        pairs, median = of_group[str(group)]
        steps = list(part.select("low", "high", "pairs").iter_rows())
        hills.append(Hill(f"{GROUPS[str(group)]}, {number(pairs)}", str(group), steps, median))
    medians = ", ".join(f"{GROUPS[hill.kind]} {number(hill.middle)}" for hill in hills)
    lead = f"Median {score} score: {medians}."
    key, title = _key("hardness", stage, score), f"Hardness by {score}{_of(stage)}"
    return Figure(key, title, lead, table, Hills(hills, f"{score} score (harder →)"))


def _key(*parts: str) -> str:
    return "-".join(filter(None, parts))


def _of(stage: str) -> str:
    return f": {stage}" if stage else ""
