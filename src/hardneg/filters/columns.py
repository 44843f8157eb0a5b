"""Ranks and scores of candidates as arrays, and the scores that a candidate is measured against."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.scoring.protocol import Scorer
from hardneg.scoring.store import stored_scores

TEACHER_SCORE = "teacher_score"


def suffixes(candidates: pl.DataFrame, prefix: str) -> list[str]:
    """List what follows a prefix ("rank" or "score") in the names of columns, in their order."""
    return [name.removeprefix(f"{prefix}.") for name in candidates.columns if name.startswith(f"{prefix}.")]


def column(candidates: pl.DataFrame, prefix: str, name: str) -> pl.Series:
    """Take the column `<prefix>.<name>`; if there is none, a RecipeError lists those there are."""
    names = suffixes(candidates, prefix)
    if name not in names:
        raise RecipeError(
            f"the candidates have no {prefix} of {name!r}; they have: {', '.join(names) or 'none'}. "
            f"Name one of these, or add a source called {name!r}"
        )
    return candidates[f"{prefix}.{name}"]


def scores(candidates: pl.DataFrame, name: str) -> Float64[np.ndarray, " rows"]:
    """Take the score of a source or scorer as 64-bit numbers, NaN where unknown."""
    return numbers(column(candidates, "score", name))


def numbers(values: pl.Series) -> Float64[np.ndarray, " rows"]:
    """Take a column as 64-bit numbers, NaN where it is null."""
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()


def with_teacher_score(candidates: pl.DataFrame, dataset: Dataset, scorer: Scorer) -> pl.DataFrame:
    """Add a teacher's score of every row as `teacher_score`; scores are computed once and kept on disk."""
    score = stored_scores(scorer, dataset, candidates["query"].to_numpy(), candidates["document"].to_numpy())
    return candidates.with_columns(pl.Series(TEACHER_SCORE, score, dtype=pl.Float32))


def lowest_positive(
    candidates: pl.DataFrame, score: Float64[np.ndarray, " rows"], dataset: Dataset
) -> Float64[np.ndarray, " rows"]:
    """Find the lowest score among the labelled positives of each row's query.

    The weakest positive shows how low an answer to this query can score; a negative must lie below it, not
    below the strongest one. Copies of a positive under other ids do not count.
    """
    comparable = is_positive(candidates, dataset) & ~np.isnan(score)
    table = pl.DataFrame({"query": candidates["query"], "score": score, "comparable": comparable})
    return numbers(table.select(pl.when("comparable").then("score").min().over("query"))["score"])


def is_positive(candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
    """Mark the rows whose pair is a labelled positive, by id."""
    return dataset.positives.contains(candidates["query"].to_numpy(), candidates["document"].to_numpy())


def is_found(candidates: pl.DataFrame) -> Bool[np.ndarray, " rows"]:
    """Mark the rows that some source found; the others are there because they are labelled."""
    ranks = [f"rank.{name}" for name in suffixes(candidates, "rank")]
    return candidates.select(pl.any_horizontal(pl.col(ranks).is_not_null())).to_series().to_numpy()


def is_judged_negative(candidates: pl.DataFrame, dataset: Dataset) -> Bool[np.ndarray, " rows"]:
    """Mark the rows whose document was judged not relevant to the query, and by no label relevant."""
    return dataset.judged_negatives.contains(candidates["query"].to_numpy(), candidates["document"].to_numpy())
