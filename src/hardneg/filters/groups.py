"""Metadata of the queries that keeps some of them together."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text
from hardneg.data.text import digest
from hardneg.errors import RecipeError


def group_values(dataset: Dataset, group: str) -> pl.Series:
    """Give the value of each query in a metadata column, as text."""
    if group not in dataset.queries.columns:
        known = ", ".join(name for name in dataset.queries.columns if name not in ("id", "text")) or "no metadata"
        raise RecipeError(
            f"learned: group names the column {group!r}, but the queries have: {known}; name one of these"
        )
    return as_text(dataset.queries[group])


def group_digest(dataset: Dataset, group: str) -> str:
    """Hash the values of a metadata column, which are no part of a dataset's fingerprint."""
    return digest(group_values(dataset, group).fill_null("\0"))
