"""What labels say of negatives: those that a dataset brings itself, and those that have come to be answers."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.negatives.selection import as_negatives
from hardneg.sources.judged import Judged

SOURCE = "judged"


def own_negatives(dataset: Dataset, split: str) -> pl.DataFrame:
    """List the documents that were judged not relevant to the queries of a split.

    A pair that another label calls relevant, or whose text is that of an answer, is not among them.
    """
    judged, _ = without_answers(Judged().retrieve(dataset, dataset.queries_of(split), dataset.n_documents), dataset)
    return as_negatives(judged.with_columns(source=pl.lit(SOURCE), weight=pl.lit(1.0)))


def left_unused(negatives: pl.DataFrame, dataset: Dataset, split: str) -> int:
    """Count the judged negatives of a split that a table of mined negatives lacks."""
    if "source" in negatives.columns and (negatives["source"] == SOURCE).any():
        return 0
    mined = negatives.select(pl.col("query", "document").cast(pl.Int32))
    return own_negatives(dataset, split).join(mined, on=["query", "document"], how="anti").height


def without_answers(negatives: pl.DataFrame, dataset: Dataset) -> tuple[pl.DataFrame, int]:
    """Leave out what answers its query, by id or by equal text.

    Mining hands out no such row; labels that were added since, or a table from elsewhere, can make one.
    """
    if negatives.is_empty():
        return negatives, 0
    answers = dataset.is_answer(*(negatives[name].to_numpy() for name in ("query", "document")))
    return negatives.filter(pl.Series(~answers)), int(answers.sum())
