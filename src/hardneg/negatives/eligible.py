"""Candidates that may be negatives, one row for each source that found them, and choosing among them."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.filters.columns import lowest_positive, scores, suffixes

_ORDER = ["query", "last", "key", "rank", "place", "document"]
ELIGIBLE_SCHEMA = {
    "query": pl.Int32,
    "document": pl.Int32,
    "text": pl.Int32,
    "place": pl.Int32,
    "source": pl.String,
    "rank": pl.Int32,
    "score": pl.Float64,
    "positive_score": pl.Float64,
}


def eligible(candidates: pl.DataFrame, dataset: Dataset, *, score: str | None) -> pl.DataFrame:
    """List the candidates that no filter refused, once for each source that retrieved them."""
    allowed = candidates["dropped_by"].is_null()
    text = pl.Series("text", dataset.text_group[candidates["document"].to_numpy()])
    parts = [pl.DataFrame(schema=ELIGIBLE_SCHEMA)]
    for place, source in enumerate(suffixes(candidates, "rank")):
        rows = candidates.select(
            "query",
            "document",
            text,
            pl.lit(place, dtype=pl.Int32).alias("place"),
            pl.lit(source).alias("source"),
            pl.col(f"rank.{source}").alias("rank"),
            *scores_of(candidates, dataset, score=source if score is None else score),
        )
        parts.append(rows.filter(allowed & rows["rank"].is_not_null()))
    return pl.concat(parts)


def scores_of(candidates: pl.DataFrame, dataset: Dataset, *, score: str) -> tuple[pl.Series, pl.Series]:
    """Give the score of each row and of its query's weakest positive; null where unknown."""
    has_score = score in suffixes(candidates, "score")
    values = scores(candidates, score) if has_score else np.full(candidates.height, np.nan)
    positive = lowest_positive(candidates, values, dataset)
    return pl.Series("score", values).fill_nan(None), pl.Series("positive_score", positive).fill_nan(None)


def choose(rows: pl.DataFrame, *, quotas: Mapping[str, int], per_query: int, one_scale: bool) -> pl.DataFrame:
    """Choose rows for each query: first the quotas, in their order, then the best of the rest.

    A text counts once for a query, whoever found it and under whatever id; a quota whose best is taken
    goes on to its next best. Without `one_scale`, on which all keys compare, the rest is taken from sources in turn.
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
