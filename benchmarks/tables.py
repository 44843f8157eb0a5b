"""What the tables of the studies share: an arm over its seeds, and its difference from another."""

import polars as pl

from hardneg.evaluation.significance import Row, compare


def over_seeds(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Average each query's figures over the seeds of an arm."""
    return Row("", frames).per_query


def against(before: pl.DataFrame, after: pl.DataFrame, measure: str) -> str:
    """Write a cell: the difference between two arms, its 95 % interval over queries, and the p-value."""
    found = compare(before, after, measure)
    return f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}], p {found.p_value:.4f}"
