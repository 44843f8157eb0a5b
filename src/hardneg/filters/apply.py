"""Filters over a table of candidates: who refused what."""

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import is_judged_negative, is_positive
from hardneg.filters.empty import Empty
from hardneg.filters.known_positives import KnownPositives
from hardneg.filters.protocol import Annotating, Filter, Relabelling
from hardneg.filters.query_itself import QueryItself

ANNOTATIONS = {"teacher_score": pl.Float32, "p_planted": pl.Float32, "p_positive": pl.Float32}
# What may never be a negative, whatever a recipe says, in the order in which it is asked.
ALWAYS: tuple[Filter, ...] = (KnownPositives(), QueryItself(), Empty())


def apply_filters(candidates: pl.DataFrame, dataset: Dataset, filters: Sequence[Filter]) -> pl.DataFrame:
    """Record in `dropped_by` which filter refuses each candidate.

    Known positives, the query's own text and empty documents are refused first and always, whether or not the filters
    name them. The first filter to object is the one recorded; a verdict that the table already carries stands.

    Args:
        candidates: One row a (query, document), with `rank.<source>` and `score.<source>` columns.
        dataset: The dataset whose positions the rows use.
        filters: In the order in which they are asked.

    Returns:
        The same rows in the same order with the column `dropped_by`: the name of a filter, or null where
        the row may be a negative. What a filter learnt of the rows is there too (`teacher_score`,
        `p_positive`; null where it was not asked), and, if a filter relabels, `found_by`: the name of the
        filter that takes the row for an answer.

    Raises:
        RecipeError: A filter needs a score or rank that the candidates do not have, or answers with
            something other than one truth value a row.
    """
    table = candidates
    for name in ("dropped_by", "found_by") if any(map(_relabels, filters)) else ("dropped_by",):
        earlier = table[name] if name in table.columns else pl.lit(None)
        table = table.with_columns(earlier.cast(pl.String).alias(name))
    for filter_ in (*ALWAYS, *(each for each in filters if each not in ALWAYS)):
        table = _judged(filter_, table, dataset)
    return table


def _judged(filter_: Filter, table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Ask one filter and write down what it says of the rows that none before it refused."""
    part, asked = table, np.ones(table.height, dtype=bool)
    undecided = table["dropped_by"].is_null().to_numpy()
    if isinstance(filter_, Annotating):
        asked = undecided | is_positive(table, dataset)
        part = filter_.annotate(table.filter(asked), dataset)
        notes = [part[name].cast(dtype) for name, dtype in ANNOTATIONS.items() if name in part.columns]
        table = table.with_columns(_spread(values, np.flatnonzero(asked), table) for values in notes)
    keep = _checked(filter_.keep(part, dataset), filter_, part.height)
    if filter_.exempts_judged:
        keep = keep | is_judged_negative(part, dataset)
    refused = np.zeros(table.height, dtype=bool)
    refused[asked] = ~keep
    if _relabels(filter_):
        answers = np.zeros(table.height, dtype=bool)
        answers[asked] = _checked(filter_.found(part, dataset), filter_, part.height)
        answers &= undecided & ~is_judged_negative(table, dataset)
        refused |= answers
        table = _signed(table, "found_by", answers, filter_)
    return _signed(table, "dropped_by", refused & undecided, filter_)


def _spread(values: pl.Series, rows: Int64[np.ndarray, " part"], table: pl.DataFrame) -> pl.Series:
    """Write the values into their rows; elsewhere stays what an earlier filter said, or null."""
    nothing = pl.Series(values.name, [None] * table.height, dtype=values.dtype)
    before = table[values.name] if values.name in table.columns else nothing
    return before.clone().scatter(rows, values)


def _signed(table: pl.DataFrame, column: str, rows: Bool[np.ndarray, " rows"], filter_: Filter) -> pl.DataFrame:
    """Write the name of a filter into some rows of a column."""
    if not rows.any():
        return table
    return table.with_columns(pl.when(pl.Series(rows)).then(pl.lit(filter_.name)).otherwise(column).alias(column))


def _relabels(filter_: Filter) -> TypeGuard[Relabelling]:
    return isinstance(filter_, Relabelling) and filter_.relabel


def _checked(answer: object, filter_: Filter, n_rows: int) -> Bool[np.ndarray, " rows"]:
    if not isinstance(answer, np.ndarray) or answer.dtype != np.bool_ or answer.shape != (n_rows,):
        given = f"{answer.dtype} of shape {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
        raise RecipeError(
            f"{filter_!r} must return one bool for each of {n_rows} candidates, but gave {given}; mend its keep()"
        )
    return answer
