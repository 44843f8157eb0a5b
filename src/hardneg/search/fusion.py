"""Several rankings made one: by their ranks, or by a weighted sum of their scores."""

from collections.abc import Sequence

import polars as pl

RANKS = 60  # how far down a rank still counts; the paper's own


def by_reciprocal_rank(
    runs: Sequence[pl.DataFrame],
    *,
    keys: tuple[str, str],
    weights: Sequence[float] | None = None,
    constant: int = RANKS,
) -> pl.DataFrame:
    """Score a document the weighted sum of 1 / (constant + rank) over the runs that list it.

    See Cormack, Clarke and Büttcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods".
    """
    shares = [1.0] * len(runs) if weights is None else weights
    parts = [
        run.select(*keys, part=share / (constant + pl.col("rank"))) for run, share in zip(runs, shares, strict=True)
    ]
    return summed(parts, keys=keys)


def by_weighted_scores(
    runs: Sequence[pl.DataFrame], *, keys: tuple[str, str], weights: Sequence[float]
) -> pl.DataFrame:
    """Score a document the weighted sum of its scores, each brought to [0, 1] within a query; 0 where it is not listed.

    See Bruch, Gai and Ingber (2023), "An analysis of fusion functions for hybrid retrieval", arXiv:2210.11934,
    equations 3 and 7.
    """
    parts = []
    for run, share in zip(runs, weights, strict=True):
        low, high = pl.col("score").min().over(keys[0]), pl.col("score").max().over(keys[0])
        scaled = ((pl.col("score") - low) / (high - low)).fill_nan(1.0)
        parts.append(run.select(*keys, part=share * scaled.cast(pl.Float64)))
    return summed(parts, keys=keys)


def summed(parts: Sequence[pl.DataFrame], *, keys: tuple[str, str]) -> pl.DataFrame:
    """Add up the parts of each document and rank it; of equal ones the one of smaller id comes first."""
    whole = pl.concat(parts).group_by(keys).agg(score=pl.col("part").sum())
    ordered = whole.sort(keys[0], pl.col("score"), keys[1], descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(keys[0])
    return ordered.select(*keys, rank=rank, score=pl.col("score"))
