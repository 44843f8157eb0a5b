"""Choosing from ordered candidates, by quotas and from the rest."""

from collections.abc import Mapping

import polars as pl

_ORDER = ["query", "last", "key", "rank", "place", "document"]


def choose(rows: pl.DataFrame, *, quotas: Mapping[str, int], per_query: int, one_scale: bool) -> pl.DataFrame:
    """Choose rows for each query: first the quotas, in their order, then the best of the rest.

    A text counts once for a query, whoever found it and under whatever id; a quota whose best is taken
    goes on to its next best.
    """
    rows = rows.sort(_ORDER)
    chosen = [rows.clear().with_columns(step=pl.lit(0, dtype=pl.Int32), nth=pl.lit(0, dtype=pl.Int64))]
    for step, (source, number) in enumerate(quotas.items()):
        free = _untaken(rows.filter(pl.col("source") == source), chosen)
        chosen.append(_first(free, pl.lit(number), step))
    n_chosen = pl.concat(chosen).group_by("query").len("n_chosen")
    free = _untaken(rows, chosen).join(n_chosen, on="query", how="left", maintain_order="left")
    room = per_query - pl.col("n_chosen").fill_null(0).cast(pl.Int64)
    rest = _first(free if one_scale else _in_turn(free), room, len(quotas))
    chosen.append(rest.select(chosen[0].columns))
    return pl.concat(chosen).sort("query", "step", "nth")


def _untaken(rows: pl.DataFrame, taken: list[pl.DataFrame]) -> pl.DataFrame:
    """Leave out the texts that a query already has."""
    return rows.join(pl.concat(taken), on=["query", "text"], how="anti", maintain_order="left")


def _first(ordered: pl.DataFrame, number: pl.Expr, step: int) -> pl.DataFrame:
    """Take the first few rows of each query, each text once."""
    text = pl.col("query").cast(pl.Int64) * 2**32 + pl.col("text")  # one integer is compared faster than two columns
    once = ordered.filter(text.is_first_distinct())
    nth = once.with_columns(step=pl.lit(step, dtype=pl.Int32), nth=pl.int_range(pl.len()).over("query"))
    return nth.filter(pl.col("nth") < number)


def _in_turn(ordered: pl.DataFrame) -> pl.DataFrame:
    """Order rows whose keys have different scales by their place in their own source's order."""
    nth = pl.int_range(pl.len()).over("query", "place").cast(pl.Float64)
    return ordered.with_columns(last=pl.lit(value=False), key=nth).sort("query", "key", "place")
