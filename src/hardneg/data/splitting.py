"""Dealing the queries of a dataset that has one split to two."""

from dataclasses import replace

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.randomness import uniform


def held_out(dataset: Dataset, *, test_share: float, seed: int) -> Dataset:
    """Move a share of the queries, drawn by text, from the only split to `test`.

    Queries of equal normalised text stay together. Documents may still answer queries of both splits.

    Args:
        dataset: A dataset with one split.
        test_share: Share of the queries to move, in (0, 1).
        seed: Which ones.

    Returns:
        The same dataset with two splits.

    Raises:
        DatasetError: The share is out of range, the dataset has several splits, or one would be empty.
    """
    if not 0 < test_share < 1:
        raise DatasetError(f"test_share {test_share} must lie between 0 and 1")
    if len(dataset.splits) != 1:
        raise DatasetError(f"{dataset.name} already has the splits {', '.join(dataset.splits)}; leave out test_share")
    moved = uniform(seed, dataset.query_text_group)[dataset.qrels["query"].to_numpy()] < test_share
    if moved.all() or not moved.any():
        raise DatasetError(f"{dataset.name} has too few queries to hold out a share of {test_share}")
    split = np.where(moved, "test", dataset.splits[0])
    return replace(dataset, qrels=dataset.qrels.with_columns(split=pl.Series(split.tolist(), dtype=pl.String)))
