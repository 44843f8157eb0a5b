"""Filters over a table of candidates: who refused what."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Bool

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.known_positives import KnownPositives
from hardneg.filters.protocol import Filter


def apply_filters(candidates: pl.DataFrame, dataset: Dataset, filters: Sequence[Filter]) -> pl.DataFrame:
    """Record in `dropped_by` which filter refuses each candidate.

    Known positives are refused first and always, whether or not the filters name them. The first filter to
    object is the one recorded; a verdict that the table already carries stands.

    Args:
        candidates: One row a (query, document), with `rank.<source>` and `score.<source>` columns.
        dataset: The dataset whose positions the rows use.
        filters: In the order in which they are asked.

    Returns:
        The same rows in the same order with the column `dropped_by`: the name of a filter, or null where
        the row may be a negative.

    Raises:
        RecipeError: A filter needs a score or rank that the candidates do not have, or answers with
            something other than one truth value a row.
    """
    rest = [filter_ for filter_ in filters if not isinstance(filter_, KnownPositives)]
    verdicts = [_verdict(filter_, candidates, dataset) for filter_ in (KnownPositives(), *rest)]
    if "dropped_by" in candidates.columns:
        verdicts = [candidates["dropped_by"].cast(pl.String).alias("earlier"), *verdicts]
    dropped_by = pl.select(pl.coalesce(*verdicts)).to_series().alias("dropped_by")
    return candidates.with_columns(dropped_by)


def _verdict(filter_: Filter, candidates: pl.DataFrame, dataset: Dataset) -> pl.Series:
    """Name the filter where it refuses a row; null elsewhere."""
    keep = _checked(filter_.keep(candidates, dataset), filter_, candidates.height)
    if filter_.exempts_judged:
        query, document = candidates["query"].to_numpy(), candidates["document"].to_numpy()
        keep = keep | dataset.judged_negatives.contains(query, document)
    refused = pl.Series(~keep)
    return pl.select(pl.when(refused).then(pl.lit(filter_.name))).to_series()


def _checked(keep: object, filter_: Filter, n_rows: int) -> Bool[np.ndarray, " rows"]:
    if not isinstance(keep, np.ndarray) or keep.dtype != np.bool_ or keep.shape != (n_rows,):
        found = f"{keep.dtype} of shape {keep.shape}" if isinstance(keep, np.ndarray) else type(keep).__name__
        raise RecipeError(
            f"{filter_!r} must return one bool for each of {n_rows} candidates, but gave {found}; mend its keep()"
        )
    return keep
