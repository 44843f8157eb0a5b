"""Scores of pairs as a table, by whom and on which scale."""

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.data.dataset import Dataset
from hardneg.scoring.bi_encoder import BiEncoder
from hardneg.scoring.protocol import Scorer
from hardneg.scoring.store import stored_scores


def score_table(scorer: Scorer, dataset: Dataset, pairs: pl.DataFrame) -> pl.DataFrame:
    """Score pairs in one pass, longest first over all queries, or take their scores from the store.

    Args:
        scorer: Scores pairs.
        dataset: Where the texts are.
        pairs: Columns `query` and `document` (positions).

    Returns:
        The pairs with `teacher`, the scorer's name; `score`; and `squashed`, whether the scores lie between 0 and 1 by
        their nature.

    Raises:
        RecipeError: The scorer gave something else than one finite number a pair.
        RunError: The store cannot be read or written.
    """
    score = stored_scores(scorer, dataset, pairs["query"].to_numpy(), pairs["document"].to_numpy())
    return pairs.select(
        pl.col("query", "document").cast(pl.Int32),
        teacher=pl.lit(scorer.name),
        score=pl.Series(score, dtype=pl.Float32),
        squashed=pl.lit(is_squashed(scorer, score)),
    )


def is_squashed(scorer: Scorer, score: Float32[np.ndarray, " pairs"]) -> bool:
    """Say whether a scorer's scores lie between 0 and 1 by their nature, as after a sigmoid.

    Args:
        scorer: As far as it tells (`known_squashed`).
        score: What it gave, which tells where the scorer does not.

    Returns:
        `True` for squashed scores, `False` for raw ones.
    """
    known = known_squashed(scorer)
    return bool(((score >= 0) & (score <= 1)).all()) if known is None else known


def known_squashed(scorer: Scorer) -> bool | None:
    """Say what is known of the scale of a scorer before it has scored anything.

    Args:
        scorer: By its `squashed`, by its `activation` if it has one; products of vectors are raw.

    Returns:
        `True` for scores between 0 and 1, `False` for raw ones, None if only the scores can tell.
    """
    said = getattr(scorer, "squashed", None)
    if isinstance(said, bool):
        return said
    activation = getattr(scorer, "activation", None)
    if activation is not None:
        return bool(activation == "sigmoid")
    return False if isinstance(scorer, BiEncoder) else None
