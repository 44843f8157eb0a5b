"""Filters over a table of candidates: who refused what."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import is_positive
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
    name them. The first filter to
    object is the one recorded; a verdict that the table already carries stands.

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
        known = table[name] if name in table.columns else pl.lit(None)
        table = table.with_columns(known.cast(pl.String).alias(name))
    rest = [filter_ for filter_ in filters if filter_ not in ALWAYS]
    for filter_ in (*ALWAYS, *rest):
        table = _judged(filter_, table, dataset)
    return table


def _judged(filter_: Filter, table: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Ask one filter and write down what it says of the rows that none before it refused."""
    if not isinstance(filter_, Annotating):
        return _record(filter_, table, table, dataset)
    asked = table["dropped_by"].is_null().to_numpy() | is_positive(table, dataset)
    part = filter_.annotate(table.filter(asked), dataset)
    rows = np.flatnonzero(asked)
    told = [_spread(part[name].cast(dtype), rows, table) for name, dtype in ANNOTATIONS.items() if name in part.columns]
    return _record(filter_, table.with_columns(told), part, dataset, asked)


def _spread(values: pl.Series, rows: Int64[np.ndarray, " part"], table: pl.DataFrame) -> pl.Series:
    """Write the values into their rows; elsewhere stays what an earlier filter said, or null."""
    nothing = pl.Series(values.name, [None] * table.height, dtype=values.dtype)
    before = table[values.name] if values.name in table.columns else nothing
    return before.clone().scatter(rows, values)


def _record(
    filter_: Filter,
    table: pl.DataFrame,
    part: pl.DataFrame,
    dataset: Dataset,
    asked: Bool[np.ndarray, " rows"] | None = None,
) -> pl.DataFrame:
    refused = _whole(~_keep(filter_, part, dataset), asked)
    undecided = table["dropped_by"].is_null().to_numpy()
    columns = []
    if isinstance(filter_, Relabelling) and filter_.relabel:
        found = _whole(_checked(filter_.found(part, dataset), filter_, part.height), asked) & undecided
        found &= ~dataset.judged_negatives.contains(table["query"].to_numpy(), table["document"].to_numpy())
        refused = refused | found
        columns.append(pl.when(pl.Series(found)).then(pl.lit(filter_.name)).otherwise("found_by").alias("found_by"))
    if not columns and not refused.any():
        return table
    verdict = pl.when(pl.Series(refused & undecided)).then(pl.lit(filter_.name)).otherwise("dropped_by")
    return table.with_columns(verdict.alias("dropped_by"), *columns)


def _keep(filter_: Filter, rows: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
    keep = _checked(filter_.keep(rows, dataset), filter_, rows.height)
    if filter_.exempts_judged:
        keep = keep | dataset.judged_negatives.contains(rows["query"].to_numpy(), rows["document"].to_numpy())
    return keep


def _whole(mask: Bool[np.ndarray, " part"], asked: Bool[np.ndarray, " rows"] | None) -> Bool[np.ndarray, " rows"]:
    if asked is None:
        return mask
    whole = np.zeros(len(asked), dtype=bool)
    whole[asked] = mask
    return whole


def _relabels(filter_: Filter) -> bool:
    return isinstance(filter_, Relabelling) and filter_.relabel


def _checked(answer: object, filter_: Filter, n_rows: int) -> Bool[np.ndarray, " rows"]:
    if not isinstance(answer, np.ndarray) or answer.dtype != np.bool_ or answer.shape != (n_rows,):
        found = f"{answer.dtype} of shape {answer.shape}" if isinstance(answer, np.ndarray) else type(answer).__name__
        raise RecipeError(
            f"{filter_!r} must return one bool for each of {n_rows} candidates, but gave {found}; mend its keep()"
        )
    return answer
