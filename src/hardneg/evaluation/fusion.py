"""Two rankings made one: by their ranks, or by a weighted sum of their scores."""

from collections.abc import Sequence

import polars as pl

from hardneg.evaluation.metrics import measure
from hardneg.search.fusion import by_reciprocal_rank, by_weighted_scores

WEIGHTS = tuple(round(0.1 * tenth, 1) for tenth in range(11))
_KEYS = ("query_id", "doc_id")


def by_ranks(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Fuse two runs by reciprocal rank: a document scores the sum of 1 / (60 + rank) over the runs that list it.

    >>> run = pl.DataFrame({"query_id": ["q", "q"], "doc_id": ["a", "b"], "rank": [1, 2], "score": [2.0, 1.0]})
    >>> by_ranks(run, run.with_columns(doc_id=pl.Series(["b", "c"])))["doc_id"].to_list()
    ['b', 'a', 'c']
    """
    return by_reciprocal_rank((first, second), keys=_KEYS)


def by_scores(first: pl.DataFrame, second: pl.DataFrame, *, weight: float) -> pl.DataFrame:
    """Fuse two runs by a weighted sum of their scores, each brought to [0, 1] within a query.

    The second has the weight, from 0 to 1, the first the rest; what a run does not list scores 0 there.

    >>> run = pl.DataFrame({"query_id": ["q", "q"], "doc_id": ["a", "b"], "rank": [1, 2], "score": [2.0, 1.0]})
    >>> other = run.with_columns(doc_id=pl.Series(["b", "c"]))
    >>> by_scores(run, other, weight=0.7)["doc_id"].to_list()
    ['b', 'a', 'c']
    """
    return by_weighted_scores((first, second), keys=_KEYS, weights=(1 - weight, weight))


def tuned_weight(
    first: pl.DataFrame, second: pl.DataFrame, qrels: pl.DataFrame, *, name: str, weights: Sequence[float] = WEIGHTS
) -> float:
    """Choose the weight of the second run by a measure, the one nearest to equal shares among equals."""
    fused = {weight: by_scores(first, second, weight=weight) for weight in weights}
    means = {weight: float(measure(qrels, run, names=[name])[name].to_numpy().mean()) for weight, run in fused.items()}
    return max(weights, key=lambda weight: (round(means[weight], 12), -abs(weight - 0.5)))
