"""What rankings show of a catalogue: how much of it, and how popular."""

from dataclasses import dataclass

import polars as pl

POPULARITY = "popularity"
CUTOFF = 10


@dataclass(frozen=True)
class Shown:
    """What stands in the first ten of all rankings."""

    coverage: float
    popularity: float
    popularity_of_answers: float


def measure_shown(run: pl.DataFrame, qrels: pl.DataFrame, documents: pl.DataFrame) -> Shown:
    """Measure what rankings show."""
    popular = documents.select(doc_id="id", popularity=pl.col(POPULARITY).cast(pl.Float64).fill_null(0.0))
    first = run.filter(pl.col("rank") <= CUTOFF)
    answers = qrels.filter(pl.col("relevance") > 0)
    mean = [
        rows.join(popular, on="doc_id").group_by("query_id").agg(pl.col(POPULARITY).mean()).select(pl.mean(POPULARITY))
        for rows in (first, answers)
    ]
    shown, taken = (float(each.item() or 0.0) for each in mean)
    return Shown(first["doc_id"].n_unique() / documents.height, shown, taken)
