"""What rankings show of a catalogue: how much of it, and how popular."""

from dataclasses import dataclass

import polars as pl

POPULARITY = "popularity"
CUTOFF = 10


@dataclass(frozen=True)
class Shown:
    """What stands in the first ten of all rankings.

    Args:
        coverage: Share of the documents that stand in the first ten of some ranking.
        popularity: Mean popularity of what is shown, each ranking counted alike.
        popularity_of_answers: Mean popularity of the answers, each query counted alike. A system that shows what is
            much more popular than what is taken has a popularity bias.
    """

    coverage: float
    popularity: float
    popularity_of_answers: float


def measure_shown(run: pl.DataFrame, qrels: pl.DataFrame, documents: pl.DataFrame) -> Shown:
    """Measure what rankings show.

    Args:
        run: Columns `query_id`, `doc_id` and `rank`.
        qrels: Columns `query_id`, `doc_id` and `relevance`.
        documents: Columns `id` and `popularity`: how often each was taken in training.

    Returns:
        Coverage and popularity in the first ten ranks.
    """
    popular = documents.select(doc_id="id", popularity=pl.col(POPULARITY).cast(pl.Float64).fill_null(0.0))
    first = run.filter(pl.col("rank") <= CUTOFF)
    answers = qrels.filter(pl.col("relevance") > 0)
    mean = [
        rows.join(popular, on="doc_id").group_by("query_id").agg(pl.col(POPULARITY).mean()).select(pl.mean(POPULARITY))
        for rows in (first, answers)
    ]
    shown, taken = (float(each.item() or 0.0) for each in mean)
    return Shown(first["doc_id"].n_unique() / documents.height, shown, taken)
