"""A recommender's dataset from interactions: a user's history asks, the item taken next answers."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.dataset import SET_ASIDE, Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import InteractionColumns
from hardneg.domains.recommender.files import Order, read_interactions, read_items
from hardneg.domains.recommender.histories import ID_MARK, ask_positives, has_history, numbered, token, write_histories
from hardneg.domains.recommender.order import OrderEvidence, weigh_order
from hardneg.domains.recommender.source import TextForm
from hardneg.domains.recommender.splits import InteractionSplits, with_order, with_splits
from hardneg.errors import DatasetError

_HELD = ("dev", "test")
_SEEN, _ = SET_ASIDE
_SHOWN = 3
_LONGEST = 50  # items of a history in order
_LAST_OUT, _FOUND, _ANY = InteractionSplits(), InteractionColumns(), TextForm()
_FEW = 11  # values that are listed one by one: half stars make ten
_LIKED = 0.75  # of a scale's length, for an example of a threshold: 4 of 1 to 5


@dataclass(frozen=True)
class InteractionCounts:
    """What became of the interactions."""

    interactions: int
    positives: int
    users: int
    items: int
    cold_items: int  # items that no positive of the train split names
    cold_positives: dict[str, float]  # share of the positives of dev and test whose item is such
    first_positives: int  # those without a history, which ask nothing
    pairs_per_user: tuple[float, int]  # of training: the median and the most
    order: OrderEvidence | None = None  # None where none is taken: a random split
    positive: str = ""  # what counts as positive, for people
    undescribed_items: int | None = None  # that the file of items lacks; None without such a file


def read_interactions_dataset(
    file: Path | str,
    items: Path | str | None = None,
    *,
    columns: InteractionColumns = _FOUND,
    form: TextForm = _ANY,
    item_form: TextForm = _ANY,
    in_order: bool = False,
    splits: InteractionSplits = _LAST_OUT,
    skip_invalid: bool = False,
    **options: Any,  # noqa: ANN401 - of `interactions_dataset`
) -> tuple[Dataset, InteractionCounts, dict[str, FieldMapping]]:
    """Build a dataset from a file of interactions, text, JSON Lines or Parquet, and perhaps one of items.

    What columns hold and how a text is written is found from the files if not given; `in_order` takes the order of
    rows for that of time. Further options are those of `interactions_dataset`.
    """
    if in_order and splits.by != "leave-last-out":
        raise DatasetError(f"--order is for --split leave-last-out; --split {splits.by} takes no order from the rows")
    order: Order = "rows" if in_order else "none" if splits.by == "random" else "time"
    rejections = Rejections(skip=skip_invalid)
    events, mapping = read_interactions(Path(file), columns=columns, form=form, order=order, rejections=rejections)
    mappings, item_table = {"interactions": mapping}, None
    if items is not None:
        item_table, mappings["items"] = read_items(Path(items), columns=columns, form=item_form, rejections=rejections)
    dataset, counts = interactions_dataset(events, item_table, splits=splits, **options)
    mappings["interactions"] = mapping.more(notes=[counts.positive])
    return replace(dataset, skipped=dict(rejections.counts)), counts, mappings


def interactions_dataset(
    events: pl.DataFrame,
    items: pl.DataFrame | None = None,
    *,
    name: str = "interactions",
    min_rating: float | None = None,
    splits: InteractionSplits = _LAST_OUT,
    history: int | None = None,
    queries_per_user: int | None = None,
) -> tuple[Dataset, InteractionCounts]:
    """Build a dataset whose queries are histories of users and whose documents are items.

    Every positive that has another of its user before it becomes a query: the history up to then asks, the item
    answers. So nothing is asked with a later history, and nothing of dev or test is trained on. The training queries of
    one user share their answers (column `history_of`). What the user of a dev or test query met before is labelled in
    the split `seen`, which `evaluate --exclude seen` leaves out of rankings.

    A history is written as words like `@318`, ids of what was taken, and a document as its title, `#318`, and its other
    text: one model of words can give an id another vector in either tower. An item that no positive of the train split
    names is written as its text in histories.

    Interactions below the threshold were shown and not taken: they become judged negatives (relevance 0) of the
    training query of the user's next positive.

    A random split takes no order: the history of a training query is all else that its user took in the train split,
    as a set, and that of a held-out query all of it (of test with what dev asks for). Without times, no history can do
    without the future.

    Args:
        events: Columns `user`, `item`, `time` (null where there is none) and `rating`, in the order in which they were
            taken (`read_interactions`).
        items: Columns `id`, `text`, optional `title` and any others (`read_items`); None knows items by their id alone.
        name: What to call the dataset.
        min_rating: An interaction is positive from this rating on. None takes all where there is no rating, or all have
            the same, and 1 where they are 0 and 1; other ratings are refused then.
        splits: Which positives are held out.
        history: Longest history of a query, the newest items, at least 1; None takes 50, and the whole with a random
            split.
        queries_per_user: Take only the newest queries of each user in each split; None takes all.

    Returns:
        The dataset, and what became of the interactions. Documents have a column `popularity`: positives of the train
        split.

    Raises:
        DatasetError: It is not clear which ratings are positive, no item is in the file of items, or too few
            interactions are left for a split.
    """
    least, rule = least_positive(events["rating"], min_rating)
    undescribed = None if items is None else _undescribed(events, items)
    liked = pl.lit(value=True) if least is None else pl.col("rating") >= least
    rows = events.with_row_index("row").with_columns(positive=liked)
    rows = rows.sort("positive", descending=True, maintain_order=True).unique(
        ["user", "item"], keep="first", maintain_order=True
    )
    rows = with_splits(with_order(rows, splits), splits)
    positives = numbered(rows.filter("positive"))
    queries = ask_positives(positives, is_ordered=splits.is_ordered, queries_per_user=queries_per_user)
    documents = _documents(rows, items, positives)
    qrels = [
        queries.select(query_id="id", doc_id="item", relevance=1, split="split"),
        _passed_over(rows, queries),
        _seen(rows, queries),
    ]
    longest = history or (_LONGEST if splits.is_ordered else positives.height)
    texts = write_histories(queries, positives, documents, is_ordered=splits.is_ordered, history=longest)
    dataset = Dataset.from_tables(texts, documents, pl.concat(qrels, how="vertical_relaxed"), name=name)
    counts = _count(events, rows, positives, queries, documents, is_ordered=splits.is_ordered)
    order = weigh_order(positives) if splits.is_ordered else None
    return dataset, replace(counts, order=order, positive=rule, undescribed_items=undescribed)


def _undescribed(events: pl.DataFrame, items: pl.DataFrame) -> int:
    """Count the items that the file of items lacks; if it lacks all, the ids are not of one kind."""
    named = events["item"].unique(maintain_order=True)
    lacking = int((~named.is_in(items["id"].implode())).sum())
    if lacking == len(named):
        taken, ids_in_file = (", ".join(map(repr, ids.head(_SHOWN))) for ids in (named, items["id"]))
        raise DatasetError(
            f"none of the items of the interactions ({taken}, …) is in the file of items ({ids_in_file}, …); name the "
            "column of the id, the same in both, with --item"
        )
    return lacking


def _documents(rows: pl.DataFrame, items: pl.DataFrame | None, positives: pl.DataFrame) -> pl.DataFrame:
    """Describe every item, with its id as a word of its text."""
    item_ids = rows.select(id="item").unique(maintain_order=True)
    documents = item_ids.with_columns(text=pl.lit("")) if items is None else items
    missing = item_ids.join(documents, on="id", how="anti", maintain_order="left")
    documents = pl.concat([documents, missing], how="diagonal").with_columns(pl.col("text").fill_null(""))
    popularity = (
        positives.filter(pl.col("split") == "train").group_by(id="item").agg(popularity=pl.len().cast(pl.Int32))
    )
    return (
        documents.drop("popularity", strict=False)
        .join(popularity, on="id", how="left", maintain_order="left")
        .with_columns(
            pl.col("popularity").fill_null(0),
            text=pl.concat_str(pl.lit(ID_MARK), token("id"), pl.lit(" "), "text").str.strip_chars(),
        )
    )


def _passed_over(rows: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """Judge what was met and not taken before a training pair, and after the user's positive before that."""
    counted = rows.with_columns(number=pl.col("positive").cum_sum().over("user").cast(pl.Int64))
    shown = counted.filter(~pl.col("positive") & (pl.col("split") == "train"))
    train = queries.filter(pl.col("split") == "train").select("user", "number", "id")
    return shown.join(train, on=["user", "number"], maintain_order="left").select(
        query_id="id", doc_id="item", relevance=0, split=pl.lit("train")
    )


def _seen(rows: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """Label all that the user of a dev or test query met before it."""
    held = queries.filter(pl.col("split").is_in(_HELD)).select("user", "id", begin="order")
    met = held.join(rows.select("user", "item", "order", "positive"), on="user", maintain_order="left_right")
    return met.filter(pl.col("order") < pl.col("begin")).select(
        query_id="id", doc_id="item", relevance=pl.col("positive").cast(pl.Int32), split=pl.lit(_SEEN)
    )


def _count(
    events: pl.DataFrame,
    rows: pl.DataFrame,
    positives: pl.DataFrame,
    queries: pl.DataFrame,
    documents: pl.DataFrame,
    *,
    is_ordered: bool,
) -> InteractionCounts:
    cold = documents.filter(pl.col("popularity") == 0)["id"]
    held = {split: positives.filter(pl.col("split") == split) for split in _HELD}
    pairs = queries.filter(pl.col("split") == "train").group_by("user").len()["len"].to_numpy()
    return InteractionCounts(
        interactions=events.height,
        positives=positives.height,
        users=rows["user"].n_unique(),
        items=documents.height,
        cold_items=len(cold),
        cold_positives={split: _share(part["item"].is_in(cold.implode())) for split, part in held.items()},
        first_positives=positives.filter(~has_history(is_ordered=is_ordered)).height,
        pairs_per_user=(float(np.median(pairs)), int(pairs.max())),
    )


def _share(marked: pl.Series) -> float:
    return float(marked.sum() / max(1, len(marked)))


def least_positive(rating: pl.Series, min_rating: float | None) -> tuple[float | None, str]:
    """Settle from which rating on an interaction is positive.

    >>> least_positive(pl.Series([0.0, 1.0]), None)
    (1.0, 'positive is 1, a click; 0 is an exposure without a click (1 of 2)')
    """
    values = rating.drop_nulls()
    if values.is_empty():
        if min_rating is not None:
            raise DatasetError(
                "a least rating is given, but the interactions have no rating; name its column with --rating"
            )
        return None, "positive is every interaction: there is no rating"
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if min_rating is not None:
        reached = int((values >= min_rating).sum())
        if not reached:
            raise DatasetError(
                f"no rating reaches {min_rating:g}: they go from {low:g} to {high:g}; lower --min-rating"
            )
        return min_rating, f"positive is a rating from {min_rating:g} on ({reached:,} of {len(values):,})"
    if {low, high} == {0.0, 1.0} and values.is_in([0.0, 1.0]).all():
        ones = int(values.sum())
        return 1.0, f"positive is 1, a click; 0 is an exposure without a click ({ones:,} of {len(values):,})"
    if low == high and low > 0:
        return None, f"positive is every interaction: each has the rating {low:g}"
    if low == high == 0:
        raise DatasetError(
            "each rating is 0, so nothing was taken; name another column with --rating, or take all rows as positive "
            "with --ignore-rating"
        )
    raise DatasetError(_ask(values, low, high))


def _ask(values: pl.Series, low: float, high: float) -> str:
    counted = values.value_counts().sort(values.name)
    if counted.height <= _FEW:
        shown = ", ".join(f"{value:g}: {count:,}" for value, count in counted.iter_rows())
        ratings = counted[values.name]
        example = float(ratings.filter(ratings >= low + _LIKED * (high - low)).min())  # type: ignore[arg-type]
    else:
        shown = f"median {float(values.quantile(0.5, 'linear') or 0):g}"
        example = float(values.quantile(0.5, "higher") or high)
    reached = int((values >= example).sum())
    return (
        f"the ratings go from {low:g} to {high:g} ({shown}), and nothing says which are positive; for example "
        f"--min-rating {example:g} ({reached:,} of {len(values):,}); --ignore-rating takes all"
    )
