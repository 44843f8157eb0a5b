"""How hard the candidates are: distributions of scores of positives, refused, kept and chosen candidates."""

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import Scale, line, number, path, picture, text, x_axis

# A row of candidates belongs to the first that fits; "chosen" are those of the kept that became negatives.
GROUPS = {
    "positives": "labelled positives",
    "refused": "refused by a filter",
    "kept": "kept, not chosen",
    "chosen": "chosen as negatives",
}
BINS = 48
_RIDGE, _HEAD, _FOOT = 62, 4, 40


@dataclass(frozen=True, eq=False)
class Hardness:
    """Distributions of one source's score, one for each fate of a candidate."""

    score: str
    bins: pl.DataFrame
    middles: pl.DataFrame
    stage: str = ""

    @property
    def key(self) -> str:
        """Name in links."""
        return "-".join(filter(None, ("hardness", self.stage, self.score)))

    @property
    def title(self) -> str:
        """What it shows."""
        return f"Hardness by {self.score}{f': {self.stage}' if self.stage else ''}"

    @property
    def lead(self) -> str:
        """The medians, compared."""
        middle = {row["group"]: row["median"] for row in self.middles.iter_rows(named=True)}
        said = [f"{GROUPS[group]} {number(middle[group])}" for group in GROUPS if group in middle]
        return f"Median {self.score} score: {', '.join(said)}."

    def frame(self) -> pl.DataFrame:
        """One row a group and bin: `group`, `low`, `high`, `pairs`."""
        return self.bins

    def svg(self, width: int) -> Markup:
        """One hill for each group, on the same axis."""
        groups = self.middles["group"].to_list()
        bottom = len(groups) * _RIDGE + _HEAD
        scale = Scale(*_ends(self.bins), 2, width - 2)
        parts = [x_axis(scale, bottom, n=4 if width < 500 else 8, top=_HEAD, title=f"{self.score} score (harder →)")]
        for at, (group, pairs, median) in enumerate(self.middles.iter_rows()):
            base = _HEAD + (at + 1) * _RIDGE
            rows = self.bins.filter(pl.col("group") == group)
            top = max(rows["pairs"].max() or 1, 1)
            outline = [(scale(rows["low"][0]), base)] if rows.height else []
            for low, high, count in rows.select("low", "high", "pairs").iter_rows():
                height = base - (_RIDGE - 24) * count / top
                outline += [(scale(low), height), (scale(high), height)]
            outline += [(scale(rows["high"][-1]), base)] if rows.height else []
            parts.append(path(outline, f"hill {group}", closed=True))
            parts.append(line(0, base, width, base, "base"))
            x = scale(median)
            parts.append(line(x, base - (_RIDGE - 22), x, base, f"median {group}"))
            end = x > width / 2
            parts.append(
                text(
                    x - 4 if end else x + 4,
                    base - _RIDGE + 34,
                    number(median),
                    "value",
                    anchor="end" if end else "start",
                )
            )
            parts.append(
                text(
                    0 if end else width,
                    base - _RIDGE + 20,
                    f"{GROUPS[group]}, {number(pairs)}",
                    anchor="start" if end else "end",
                )
            )
        return picture(width, bottom + _FOOT, parts, title=self.title, description=self.lead)


def hardness(candidates: pl.LazyFrame, negatives: pl.LazyFrame, *, stage: str = "") -> list[Hardness]:
    """Bin the scores of all candidates, one figure for each source that scores them, and one for a teacher."""
    columns = {
        name: "teacher" if name == "teacher_score" else name.removeprefix("score.")
        for name in candidates.collect_schema()
        if name.startswith("score.") or name == "teacher_score"
    }
    chosen = negatives.select("query_id", "doc_id", chosen=pl.lit(True)).unique(["query_id", "doc_id"])
    grouped = candidates.join(chosen, on=["query_id", "doc_id"], how="left").with_columns(group=_group())
    found = (_one(grouped, column, score, stage) for column, score in columns.items())
    return [each for each in found if each is not None]


def _group() -> pl.Expr:
    return (
        pl.when(pl.col("dropped_by") == "known_positives")
        .then(pl.lit("positives"))
        .when(pl.col("dropped_by").is_not_null())
        .then(pl.lit("refused"))
        .when(pl.col("chosen"))
        .then(pl.lit("chosen"))
        .otherwise(pl.lit("kept"))
    )


def _one(grouped: pl.LazyFrame, column: str, score: str, stage: str) -> Hardness | None:
    rows = grouped.select("group", score=pl.col(column).cast(pl.Float64)).filter(pl.col("score").is_finite())
    ends = rows.select(low=pl.col("score").min(), high=pl.col("score").max()).collect().row(0)
    if None in ends or not ends[0] < ends[1]:
        return None
    low, high = ends
    step = (high - low) / BINS
    place = ((pl.col("score") - low) / step).floor().clip(0, BINS - 1).cast(pl.Int32)
    counts = rows.group_by("group", bin=place).len("pairs").collect()
    middles = rows.group_by("group").agg(pairs=pl.len(), median=pl.col("score").median()).collect()
    there = [group for group in GROUPS if group in middles["group"]]
    order = pl.Enum(list(GROUPS))
    every = pl.DataFrame({"group": there}).join(pl.DataFrame({"bin": range(BINS)}), how="cross")
    bins = every.join(counts, on=["group", "bin"], how="left").with_columns(
        low=low + step * pl.col("bin"), high=low + step * (pl.col("bin") + 1), pairs=pl.col("pairs").fill_null(0)
    )
    middles = middles.with_columns(pl.col("group").cast(order)).sort("group").cast({"group": pl.String})
    return Hardness(score, bins.select("group", "low", "high", "pairs"), middles, stage)


def _ends(bins: pl.DataFrame) -> tuple[float, float]:
    return float(bins["low"].min()), float(bins["high"].max())  # type: ignore[arg-type]
