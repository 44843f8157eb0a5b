"""Which split each file of a source tree goes to."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardneg.data.text import normalised

_SPLITS = ("train", "dev", "test")


def dealt(table: pl.DataFrame, *, test_share: float, dev_share: float) -> pl.DataFrame:
    """Deal the files, in the order given, to test, then dev, then train by where their middle query falls."""
    files = table.group_by("path", maintain_order=True).agg(n=(pl.col("summary") != "").sum())
    middle = (pl.col("n").cum_sum() - pl.col("n") / 2) / pl.col("n").sum()
    split = pl.when(middle < test_share).then(2).when(middle < test_share + dev_share).then(1).otherwise(0)
    return table.join(files.select("path", split=split), on="path", maintain_order="left")


def tied_splits(asked: pl.DataFrame, answers: Sequence[str]) -> pl.Series:
    """Give rows that something equal ties together the most protected of their splits."""
    columns = ["summary", *answers]
    groups = asked.select(normalised(pl.col(columns)).rank("dense").cast(pl.Int64) - 1)
    start, links = asked.height, []
    for column in columns:
        links.append(groups[column].to_numpy() + start)
        start += asked.height
    row = np.tile(np.arange(asked.height), len(columns))
    ties = coo_array((np.ones(len(row)), (row, np.concatenate(links))), shape=(start, start))
    _, component = connected_components(ties, directed=False)
    tied = pl.DataFrame({"component": component[: asked.height], "split": asked["split"]})
    return tied.select(
        pl.col("split").max().over("component").replace_strict(dict(enumerate(_SPLITS)), return_dtype=pl.String)
    )["split"]
