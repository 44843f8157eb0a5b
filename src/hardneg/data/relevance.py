"""Relevance as it is written, into whole grades: kept exactly or refused, never cut."""

from dataclasses import dataclass

import polars as pl

from hardneg.data.layout import Layout

_INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_TRUTH = {"true": "1", "false": "0"}
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Grades:
    """What became of a column of relevance."""

    values: pl.Series  # int32; null where a value was refused
    problems: pl.Series  # null where nothing is wrong

    @property
    def sound(self) -> bool:
        """Whether every value has a grade."""
        return self.problems.null_count() == len(self.problems)


def read_grades(values: pl.Series, layout: Layout, *, name: str = "relevance") -> Grades:
    """Read a column of relevance.

    Whole numbers keep their value, also written as `1.0`; `true` and `false` are 1 and 0. What `layout.relevance` names
    has the grade given there. With `layout.min_relevance`, numbers below it become 0 (or stay, where they are whole and
    below 0) and the others are relevant: whole ones keep their grade, which is at least 1. Everything else is refused.
    """
    text = _as_text(values)
    frame = pl.DataFrame({"text": text}).with_columns(
        given=_plain(pl.col("text")).replace_strict(_plain_keys(layout.grades), default=None, return_dtype=pl.Int64)
    )
    number = pl.when(pl.col("text").str.contains(_NUMBER)).then(pl.col("text")).cast(pl.Float64, strict=False)
    frame = frame.with_columns(pl.col("text").str.to_lowercase().replace_strict(_TRUTH, default=pl.col("text")))
    is_integer = pl.col("text").str.contains(_INTEGER)
    integer = pl.when(is_integer).then(pl.col("text").str.replace(r"\.0*$", "")).cast(pl.Int64, strict=False)
    is_whole = (pl.col("number") == pl.col("number").round()) & (pl.col("number").abs() < 2**53)
    frame = frame.with_columns(number=number).with_columns(
        whole=pl.coalesce(integer, pl.when(is_whole).then(pl.col("number").cast(pl.Int64, strict=False)))
    )
    if layout.min_relevance is not None:
        reaches = pl.col("number") >= layout.min_relevance
        relevant = pl.max_horizontal(pl.lit(1), pl.col("whole").fill_null(1))
        below = pl.min_horizontal(pl.lit(0), pl.col("whole").fill_null(0))
        read: pl.Expr = pl.when(pl.col("number").is_not_null()).then(pl.when(reaches).then(relevant).otherwise(below))
    else:
        read = pl.col("whole")
    frame = frame.with_columns(grade=pl.coalesce("given", read))
    fits = pl.col("grade").abs() <= _LARGEST
    way_out = "above 0 means relevant, 0 judged not relevant"
    problem = (
        pl.when(pl.col("text").is_null() | (pl.col("text") == ""))
        .then(pl.lit(f"no {name}; {way_out}"))
        .when(fits)
        .then(pl.lit(None, pl.String))
        .when(pl.col("grade").is_not_null())
        .then(pl.format(f"{name} {{}} is too large; grades lie within ±{_LARGEST}", "text"))
        .when(pl.col("number").is_not_null())
        .then(
            pl.format(
                f"{name} {{}} is a fraction, which is neither kept nor cut; say from which value on a document is "
                "relevant, as in --min-relevance 0.5, or what each value means, as in --relevance '{}=GRADE'",
                "text",
                "text",
            )
        )
        .otherwise(
            pl.format(
                f"{name} '{{}}' is no whole number; {way_out}. Say what it means, as in --relevance '{{}}=GRADE'",
                "text",
                "text",
            )
        )
    )
    frame = frame.with_columns(problem=problem).with_columns(
        grade=pl.when(pl.col("problem").is_null()).then("grade").cast(pl.Int32)
    )
    return Grades(frame["grade"].alias("relevance"), frame["problem"])


def describe(grades: pl.Series) -> str:
    """Say which grades a column holds, in a few words."""
    distinct = grades.drop_nulls().unique().sort().to_list()
    if len(distinct) <= 6:
        return f"grades {', '.join(map(str, distinct))}; above 0 is relevant"
    return f"grades {distinct[0]} to {distinct[-1]}; above 0 is relevant"


def _plain(text: pl.Expr) -> pl.Expr:
    """Write values that are equal in one way: 1.0 as 1, True as 1."""
    lower = text.str.to_lowercase()
    truth = pl.when(lower.is_in(list(_TRUTH))).then(lower.replace(_TRUTH)).otherwise(text)
    return pl.when(truth.str.contains(_INTEGER)).then(truth.str.replace(r"\.0*$", "")).otherwise(truth)


def _plain_keys(grades: dict[str, int]) -> dict[str, int]:
    keys = pl.DataFrame({"key": list(grades)}, schema={"key": pl.String}).select(_plain(pl.col("key"))).to_series()
    return dict(zip(keys, grades.values(), strict=True))


def _as_text(values: pl.Series) -> pl.Series:
    """Write values as the text that a file would hold; null, blank and NaN are null."""
    if values.dtype == pl.Boolean:
        values = values.cast(pl.Int32)
    elif values.dtype.is_float():
        values = values.fill_nan(None)
        whole = values.cast(pl.Float64)
        is_whole = (whole == whole.round()) & (whole.abs() < 2**53)
        table = pl.DataFrame({"value": whole, "is_whole": is_whole.fill_null(value=False)})
        as_integer = pl.col("value").cast(pl.Int64, strict=False).cast(pl.String)
        return table.select(pl.when("is_whole").then(as_integer).otherwise(pl.col("value").cast(pl.String))).to_series()
    return values.cast(pl.String).str.strip_chars()
