"""Two rankings made one: by their ranks, or by a weighted sum of their scores."""

from collections.abc import Sequence

import polars as pl

from hardneg.evaluation.metrics import measure

_RANKS = 60  # how far down a rank still counts; the paper's own
WEIGHTS = tuple(round(0.1 * tenth, 1) for tenth in range(11))


def by_ranks(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Fuse two runs by reciprocal rank: a document scores the sum of 1 / (60 + rank) over the runs that list it.

    See Cormack, Clarke and Büttcher (2009), "Reciprocal rank fusion outperforms Condorcet and individual rank learning
    methods".

    >>> run = pl.DataFrame({"query_id": ["q", "q"], "doc_id": ["a", "b"], "rank": [1, 2], "score": [2.0, 1.0]})
    >>> by_ranks(run, run.with_columns(doc_id=pl.Series(["b", "c"])))["doc_id"].to_list()
    ['b', 'a', 'c']
    """
    parts = [run.select("query_id", "doc_id", part=1.0 / (_RANKS + pl.col("rank"))) for run in (first, second)]
    return _summed(parts)


def by_scores(first: pl.DataFrame, second: pl.DataFrame, *, weight: float) -> pl.DataFrame:
    """Fuse two runs by a weighted sum of their scores, each brought to [0, 1] within a query.

    The second has the weight, from 0 to 1, the first the rest; what a run does not list scores 0 there. See Bruch, Gai
    and Ingber (2023), "An analysis of fusion functions for hybrid retrieval", arXiv:2210.11934, equations 3 and 7.

    >>> run = pl.DataFrame({"query_id": ["q", "q"], "doc_id": ["a", "b"], "rank": [1, 2], "score": [2.0, 1.0]})
    >>> other = run.with_columns(doc_id=pl.Series(["b", "c"]))
    >>> by_scores(run, other, weight=0.7)["doc_id"].to_list()
    ['b', 'a', 'c']
    """
    parts = []
    for run, share in ((first, 1 - weight), (second, weight)):
        low, high = pl.col("score").min().over("query_id"), pl.col("score").max().over("query_id")
        scaled = ((pl.col("score") - low) / (high - low)).fill_nan(1.0)
        parts.append(run.select("query_id", "doc_id", part=share * scaled.cast(pl.Float64)))
    return _summed(parts)


def tuned_weight(
    first: pl.DataFrame, second: pl.DataFrame, qrels: pl.DataFrame, *, name: str, weights: Sequence[float] = WEIGHTS
) -> float:
    """Choose the weight of the second run by a measure, the one nearest to equal shares among equals."""
    fused = {weight: by_scores(first, second, weight=weight) for weight in weights}
    means = {weight: float(measure(qrels, run, names=[name])[name].to_numpy().mean()) for weight, run in fused.items()}
    return max(weights, key=lambda weight: (round(means[weight], 12), -abs(weight - 0.5)))


def _summed(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(parts).group_by("query_id", "doc_id").agg(score=pl.col("part").sum())
    ordered = whole.sort("query_id", pl.col("score"), "doc_id", descending=[False, True, False])
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query_id")
    return ordered.select("query_id", "doc_id", rank=rank, score=pl.col("score"))
