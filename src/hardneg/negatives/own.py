"""Negatives that a dataset brings itself: documents that its labels call not relevant to a query."""

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
