"""Tables of pairs by position, checked against the dataset that they are meant for."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError


def check_positions(table: pl.DataFrame, dataset: Dataset, *, kind: str, made: str) -> None:
    """Make sure that a table of pairs fits a dataset."""
    for column, size in (("query", dataset.n_queries), ("document", dataset.n_documents)):
        if column not in table.columns:
            raise RunError(f"the table of {kind} has no column {column!r}; it has: {', '.join(table.columns)}")
        if not table.schema[column].is_integer():
            raise RunError(f"column {column!r} of the table of {kind} must hold positions, not ids")
        inside = table[column].is_between(0, size - 1).fill_null(False)
        if not inside.all():
            wrong = table.filter(~inside)[column][0]
            raise RunError(
                f"the table of {kind} names {column} {wrong}, but {dataset.name} has {size}; "
                f"were the {kind} {made} for another dataset?"
            )
