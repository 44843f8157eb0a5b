"""What labels say of negatives: those that a dataset brings itself, and those that have come to be answers."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.negatives.selection import NEGATIVES_SCHEMA
from hardneg.sources.judged import Judged

SOURCE = "judged"


def own_negatives(dataset: Dataset, split: str) -> pl.DataFrame:
    """List the documents that were judged not relevant to the queries of a split.

    A pair that another label calls relevant, or whose text is that of an answer, is not among them.
    """
    found = Judged().retrieve(dataset, dataset.queries_of(split), dataset.n_documents)
    found = found.filter(~dataset.is_answer(found["query"].to_numpy(), found["document"].to_numpy()))
    known = {"source": pl.lit(SOURCE), "weight": pl.lit(1.0)}
    columns = [pl.col(name) if name in found.columns else known.get(name, pl.lit(None)) for name in NEGATIVES_SCHEMA]
    return found.select(
        column.cast(dtype).alias(name) for column, (name, dtype) in zip(columns, NEGATIVES_SCHEMA.items(), strict=True)
    )


def left_unused(negatives: pl.DataFrame, dataset: Dataset, split: str) -> int:
    """Count the judged negatives of a split that a table of mined negatives lacks."""
    if "source" in negatives.columns and (negatives["source"] == SOURCE).any():
        return 0
    own = own_negatives(dataset, split)
    mined = negatives.select(pl.col("query", "document").cast(pl.Int32))
    return own.join(mined, on=["query", "document"], how="anti").height


def without_answers(negatives: pl.DataFrame, dataset: Dataset) -> tuple[pl.DataFrame, int]:
    """Leave out what answers its query, by id or by equal text.

    Mining hands out no such row; labels that were added since, or a table from elsewhere, can make one.
    """
    if negatives.is_empty():
        return negatives, 0
    answers = dataset.is_answer(*(negatives[name].to_numpy() for name in ("query", "document")))
    return negatives.filter(pl.Series(~answers)), int(answers.sum())
