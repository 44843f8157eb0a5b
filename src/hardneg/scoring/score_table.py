"""Scores of pairs as a table, by whom and on which scale."""

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.data.dataset import Dataset
from hardneg.scoring.protocol import Scaled, Scorer
from hardneg.scoring.store import stored_scores


def score_table(scorer: Scorer, dataset: Dataset, pairs: pl.DataFrame) -> pl.DataFrame:
    """Score pairs in one pass, longest first over all queries, or take their scores from the store."""
    score = stored_scores(scorer, dataset, pairs["query"].to_numpy(), pairs["document"].to_numpy())
    return pairs.select(
        pl.col("query", "document").cast(pl.Int32),
        teacher=pl.lit(scorer.name),
        score=pl.Series(score, dtype=pl.Float32),
        squashed=pl.lit(is_squashed(scorer, score)),
    )


def is_squashed(scorer: Scorer, score: Float32[np.ndarray, " pairs"]) -> bool:
    """Say whether a scorer's scores lie between 0 and 1 by their nature, as after a sigmoid."""
    known = known_squashed(scorer)
    return bool(((score >= 0) & (score <= 1)).all()) if known is None else known


def known_squashed(scorer: Scorer) -> bool | None:
    """Say what is known of the scale of a scorer before it has scored anything."""
    return scorer.squashed if isinstance(scorer, Scaled) else None
