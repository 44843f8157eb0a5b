"""How much a teacher improves the order in which a first stage found documents, on queries it never saw."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.evaluation.metrics import means, measure
from hardneg.evaluation.retrieval import MeanFigure
from hardneg.evaluation.significance import Comparison, compare, mean_interval
from hardneg.randomness import bits
from hardneg.scoring import Scorer, stored_scores
from hardneg.sources import Source

MEASURES = ["nDCG@10", "MRR@10"]
_CHOICE = 53  # sets these draws apart from others of the same seed


@dataclass(frozen=True, eq=False)
class Reranking:
    """The same candidates in two orders, measured query by query."""

    first_stage: str  # the source that found them
    depth: int
    before: pl.DataFrame  # each query's measures in the source's order
    after: pl.DataFrame  # in the teacher's; of equal scores the source's order stands

    def figures(self, *, seed: int = 0) -> dict[str, Any]:
        """Give both means of each measure, and the gain, with 95 % intervals."""
        gains = {name: asdict(self.gain(name, seed=seed)) for name in MEASURES}
        return {
            "first_stage": self.first_stage,
            "depth": self.depth,
            "n_queries": self.before.height,
            "before": _figures(self.before, seed),
            "after": _figures(self.after, seed),
            "gain": gains,
        }

    def gain(self, name: str, *, seed: int = 0) -> Comparison:
        """Compare the two orders by one measure."""
        return compare(self.before, self.after, name, seed=seed)


def rerank(
    dataset: Dataset,
    first_stage: Source,
    teacher: Scorer,
    *,
    split: str = "train",
    depth: int = 50,
    max_queries: int | None = None,
    seed: int = 0,
) -> Reranking:
    """Let a teacher order what a source found for the queries of a split, and measure both orders.

    A positive that the source did not find counts as missed in both. Scores are kept on disk, so that a stopped
    measurement goes on where it was. The teacher must not have been trained on the
    queries: give a `CrossFittedTeacher`, or another split.
    """
    if depth < 10:
        raise ValueError(f"depth must be at least 10, the cut-off of the measures, not {depth}")
    queries = _choose(dataset.queries_of(split), max_queries, seed)
    rows = first_stage.retrieve(dataset, queries, depth).sort("query", "rank")
    score = stored_scores(teacher, dataset, rows["query"].to_numpy(), rows["document"].to_numpy())
    before = rows.select("query", "document", "rank", teacher=pl.Series(score))
    by_teacher = before.sort("query", "teacher", "rank", descending=[False, True, False])
    after = by_teacher.with_columns(rank=pl.int_range(1, pl.len() + 1).over("query"))
    labels = dataset.qrels.filter((pl.col("split") == split) & pl.col("query").is_in(queries))
    qrels = dataset.with_ids(labels)
    values = [measure(qrels, dataset.with_ids(run), names=MEASURES) for run in (before, after)]
    return Reranking(first_stage.name, depth, *values)


def _choose(queries: Int32[np.ndarray, " queries"], most: int | None, seed: int) -> Int32[np.ndarray, " chosen"]:
    if most is None or most >= len(queries):
        return queries
    return np.sort(queries[np.argsort(bits(seed, _CHOICE, queries), kind="stable")[:most]])


def _figures(per_query: pl.DataFrame, seed: int) -> dict[str, MeanFigure]:
    figures = {}
    for name, value in means(per_query).items():
        low, high = mean_interval(per_query[name].to_numpy(), seed=seed)
        figures[name] = MeanFigure(value=value, low=low, high=high, n=per_query.height)
    return figures
