"""Queries of a recommender's dataset: which positives are asked for, and the histories that ask."""

import polars as pl

from hardneg.data.corpus import SHARES_ANSWERS
from hardneg.errors import DatasetError

ID_MARK = "#"  # before the id of an item that may be taken
TAKEN_MARK = "@"  # before the id of one that was


def numbered(positives: pl.DataFrame) -> pl.DataFrame:
    """Number the positives of each user from 0, in order of time."""
    return positives.with_columns(number=pl.int_range(pl.len()).over("user").cast(pl.Int64))


def has_history(*, is_ordered: bool) -> pl.Expr:
    """Tell which positives have another of their user to ask with: one before, or without an order one in training."""
    has_before = pl.col("number") > 0
    return has_before if is_ordered else has_before | ((pl.col("split") == "train").sum().over("user") > 1)


def ask_positives(positives: pl.DataFrame, *, is_ordered: bool, queries_per_user: int | None) -> pl.DataFrame:
    """Give each positive with a history a query; those of train come first, then dev, then test."""
    asked = positives.filter(has_history(is_ordered=is_ordered))
    if queries_per_user is not None:
        newest = asked.group_by("user", "split", maintain_order=True).tail(queries_per_user)
        asked = newest.sort("order")
    for split in ("train", "test"):
        if split not in asked["split"]:
            raise DatasetError(
                f"no positive with a history before it is left for {split}: a split by time needs users with two "
                "positives, the others users with three"
            )
    place = pl.col("split").replace_strict({"train": 0, "dev": 1, "test": 2}, return_dtype=pl.Int32)
    return asked.sort(place, maintain_order=True).with_columns(
        id=pl.concat_str("user", pl.col("number").cast(pl.String), separator="@")
    )


def write_histories(
    queries: pl.DataFrame, positives: pl.DataFrame, documents: pl.DataFrame, *, is_ordered: bool, history: int
) -> pl.DataFrame:
    """Write each query's history, the newest first: ids, and the text of items that the train split does not know.

    Without an order, that of a training query is all else of its user's in training, and the newest are any of them.
    """
    words = [name for name in ("title", "text") if name in documents.columns]
    text = pl.concat_str(words, separator=" ").str.replace(r"#\S+ ?", "").str.strip_chars()
    is_in_train = pl.col("popularity") > 0
    written = documents.select(
        item="id", taken=pl.when(is_in_train).then(pl.concat_str(pl.lit(TAKEN_MARK), token("id"))).otherwise(text)
    )
    events = positives.join(written, on="item", maintain_order="left")
    n_trained = (pl.col("split") == "train").sum().cast(pl.Int64)
    taken = events.group_by("user", maintain_order=True).agg("taken", n_trained=n_trained)
    joined = queries.join(taken, on="user", maintain_order="left")
    number, is_set = pl.col("number"), (pl.col("split") == "train") & (not is_ordered)
    n_later = pl.when(is_set).then(pl.col("n_trained") - number - 1).otherwise(0)
    later = n_later.clip(upper_bound=history)
    earlier = pl.min_horizontal(number, history - later)
    newest = pl.concat_list(
        pl.col("taken").list.slice(number - earlier, earlier),
        pl.col("taken").list.slice(number + 1 + n_later - later, later),
    ).list.reverse()
    texts = joined.select("id", newest.list.join(" ").alias("text"), pl.col("user").alias(SHARES_ANSWERS), "time")
    return texts.drop("time") if texts["time"].is_null().all() else texts


def token(column: str) -> pl.Expr:
    """Write an id as one word."""
    return pl.col(column).str.replace_all(r"\s+", "_")
