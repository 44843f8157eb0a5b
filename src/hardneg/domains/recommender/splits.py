"""Which interactions of a recommender's dataset are held out."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from hardneg.errors import DatasetError

Splitting = Literal["leave-last-out", "time", "random"]

_LEAST_TESTED = 3  # positives of a user who is tested on
_ENOUGH = 4  # with two held out, two are left: a training pair


@dataclass(frozen=True, kw_only=True)
class InteractionSplits:
    """Which positives are held out."""

    by: Splitting = "leave-last-out"
    test_share: float = 0.1
    dev_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in get_args(Splitting):
            raise DatasetError(f"no split by {self.by!r}; take leave-last-out, time or random")
        if not 0 < self.test_share < 1 or not 0 <= self.dev_share < 1 - self.test_share:
            raise DatasetError(
                f"test_share {self.test_share} must be above 0, dev_share {self.dev_share} at least 0, and their sum "
                "below 1"
            )

    @property
    def is_ordered(self) -> bool:
        """Whether the order in which a user took things counts."""
        return self.by != "random"


def with_order(rows: pl.DataFrame, splits: InteractionSplits) -> pl.DataFrame:
    """Number the interactions in the order in which they count as taken."""
    if splits.by != "random":
        return rows.sort("row").with_columns(order="row").drop("row")
    # Sorted first: where there is no time, the order of the file must not tell.
    rows = rows.sort("user", "item").drop("row")
    rng = np.random.default_rng(splits.seed)
    drawn = rows.with_columns(draw=pl.Series(rng.random(rows.height)))
    taken, n_taken = pl.col("draw").filter("positive").sort(descending=True), pl.col("positive").sum()
    n_held = (n_taken >= _LEAST_TESTED).cast(pl.Int64) + (n_taken >= _ENOUGH).cast(pl.Int64)
    drawn = drawn.with_columns(first=taken.last().over("user"), last=taken.get(n_held, null_on_oob=True).over("user"))
    between = pl.col("first") + pl.col("draw") * (pl.col("last") - pl.col("first"))
    placed = pl.when("positive").then("draw").otherwise(between).fill_null(pl.col("draw"))
    return (
        drawn.with_columns(draw=placed)
        .sort("draw", "positive", maintain_order=True)
        .drop("draw", "first", "last")
        .with_row_index("order")
    )


def with_splits(rows: pl.DataFrame, splits: InteractionSplits) -> pl.DataFrame:
    """Name the split of each interaction; what is not positive goes with the user's next positive."""
    if splits.by == "time":
        if rows["time"].is_null().any():
            raise DatasetError(
                "a split by time needs the time of each interaction; name its column with --time, or take "
                "--split leave-last-out or --split random"
            )
        times = rows.filter("positive")["time"]
        cuts = [
            times.quantile(1 - share, "nearest") for share in (splits.test_share + splits.dev_share, splits.test_share)
        ]
        is_test, is_dev = (pl.col("time") >= cut for cut in reversed(cuts))
        split = pl.when(is_test).then(pl.lit("test")).when(is_dev).then(pl.lit("dev")).otherwise(pl.lit("train"))
        return rows.with_columns(split=split)
    left = pl.col("positive").sum().over("user") - pl.col("positive").cum_sum().over("user")
    left = left.cast(pl.Int64) + pl.when("positive").then(1).otherwise(0)
    n_positives = pl.col("positive").sum().over("user")
    is_tested, is_developed = n_positives >= _LEAST_TESTED, n_positives >= _developed_from(rows, splits)
    split = (
        pl.when(is_tested & (left == 0))
        .then(pl.lit("after"))
        .when(is_tested & (left == 1))
        .then(pl.lit("test"))
        .when(is_developed & (left == 2))
        .then(pl.lit("dev"))
        .otherwise(pl.lit("train"))
    )
    return rows.with_columns(split=split)


def _developed_from(rows: pl.DataFrame, splits: InteractionSplits) -> int:
    """Say how many positives a user must have who is developed on."""
    if splits.by == "random":
        return _ENOUGH
    counts = rows.group_by("user").agg(pl.col("positive").sum())["positive"]
    leaves_pairs = (counts >= _ENOUGH) | (counts == _ENOUGH - 2)
    return _LEAST_TESTED if leaves_pairs.any() else _ENOUGH
