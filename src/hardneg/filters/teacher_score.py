"""The column that a teacher's scores stand in."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.scoring.protocol import Scorer
from hardneg.scoring.store import stored_scores

COLUMN = "teacher_score"


def with_teacher_score(candidates: pl.DataFrame, dataset: Dataset, scorer: Scorer) -> pl.DataFrame:
    """Add a teacher's score of every row as `teacher_score`; scores are computed once and kept on disk."""
    score = stored_scores(scorer, dataset, candidates["query"].to_numpy(), candidates["document"].to_numpy())
    return candidates.with_columns(pl.Series(COLUMN, score, dtype=pl.Float32))
