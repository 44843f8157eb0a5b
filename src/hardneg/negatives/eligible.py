"""Candidates that may be negatives, one row for each source that found them."""

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.filters.columns import lowest_positive, scores, suffixes

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
    known = score in suffixes(candidates, "score")
    own = scores(candidates, score) if known else np.full(candidates.height, np.nan)
    positive = lowest_positive(candidates, own, dataset)
    return pl.Series("score", own).fill_nan(None), pl.Series("positive_score", positive).fill_nan(None)
