"""Negatives that labels have come to call answers."""

import polars as pl

from hardneg.data.dataset import Dataset


def without_answers(negatives: pl.DataFrame, dataset: Dataset) -> tuple[pl.DataFrame, int]:
    """Leave out what answers its query, by id or by equal text.

    Mining hands out no such row; labels that were added since, or a table from elsewhere, can make one.
    """
    if negatives.is_empty():
        return negatives, 0
    answers = dataset.is_answer(*(negatives[name].to_numpy() for name in ("query", "document")))
    return negatives.filter(pl.Series(~answers)), int(answers.sum())
