"""A recommender's dataset from interactions: a user's history asks, the item taken next answers."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from hardneg.data.dataset import HISTORY_OF, Dataset
from hardneg.errors import DatasetError

Splitting = Literal["leave-last-out", "time"]

ID_MARK = "#"
SEEN = "seen"
_HELD = ("dev", "test")
_LEAST_POSITIVES = 3  # of a user whose last two are held out: one is left to be the history


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Which positives are held out.

    Args:
        by: "leave-last-out" tests on each user's last positive and develops on the one before; "time" tests on all that
            was taken after one moment and develops on a window before it, the same for all users.
        test_share: With "time", share of the positives that are tested on, in (0, 1).
        dev_share: Likewise for development, in [0, 1 - test_share).
    """

    by: Splitting = "leave-last-out"
    test_share: float = 0.1
    dev_share: float = 0.1

    def __post_init__(self) -> None:
        if self.by not in ("leave-last-out", "time"):
            raise DatasetError(f"no split by {self.by!r}; take leave-last-out or time")
        if not 0 < self.test_share < 1 or not 0 <= self.dev_share < 1 - self.test_share:
            raise DatasetError(
                f"test_share {self.test_share} must be above 0, dev_share {self.dev_share} at least 0, and their sum "
                "below 1"
            )


@dataclass(frozen=True)
class Counts:
    """What became of the interactions.

    Args:
        interactions: Rows of the file that could be used.
        positives: Pairs of a user and an item that are positive; an item counts once for a user.
        users: Users with an interaction.
        items: Items with an interaction, or in the file of items.
        cold_items: Items that no positive of the train split names: only their text can be learned from.
        cold_positives: Share of the positives of dev and of test that are cold items.
        cold_users: With a split by time, users of dev and of test without a history before it; they are left out.
        pairs_per_user: Training pairs of the median user and of the one with most.
    """

    interactions: int
    positives: int
    users: int
    items: int
    cold_items: int
    cold_positives: dict[str, float]
    cold_users: dict[str, int]
    pairs_per_user: tuple[float, int]


def interactions_dataset(
    events: pl.DataFrame,
    items: pl.DataFrame | None = None,
    *,
    name: str = "interactions",
    min_rating: float | None = None,
    splits: Splits = Splits(),
    history: int = 50,
    max_pairs_per_user: int | None = None,
) -> tuple[Dataset, Counts]:
    """Build a dataset whose queries are histories of users and whose documents are items.

    Every positive of the train split that has another before it becomes a query of its own: the history up to then
    asks, the item answers. So nothing is trained on a later history. The queries of one user share their answers within
    a split (column `history_of`). A dev or test query has all that its user took there as answers; what the user met
    before is labelled in the split `seen`, which `evaluate --exclude seen` leaves out of rankings.

    Interactions below the threshold were shown and not taken: they become judged negatives (relevance 0) of the
    training query of the user's next positive.

    Args:
        events: Columns `user`, `item`, `time` and `rating`, ordered by time (`read_interactions`).
        items: Columns `id`, `text`, optional `title` and any others (`read_items`); None knows items by their id alone.
        name: What to call the dataset.
        min_rating: An interaction is positive from this rating on; None takes all.
        splits: Which positives are held out.
        history: Longest history of a query, the newest items, at least 1.
        max_pairs_per_user: Take only the newest training pairs of each user; None takes all.

    Returns:
        The dataset, and what became of the interactions. Documents have a column `popularity`: positives of the train
        split.

    Raises:
        DatasetError: Ratings are missing, or too few interactions are left for a split.
    """
    if min_rating is not None and events["rating"].is_null().all():
        raise DatasetError("a least rating is given, but the interactions have no rating; name its column")
    liked = pl.lit(value=True) if min_rating is None else pl.col("rating") >= min_rating
    rows = events.with_row_index("order").with_columns(positive=liked)
    rows = rows.sort("positive", descending=True, maintain_order=True).unique(["user", "item"], keep="first")
    rows = _with_splits(rows.sort("order"), splits)
    positives = _numbered(rows.filter("positive"))
    queries = _queries(positives, max_pairs_per_user=max_pairs_per_user)
    documents = _documents(rows, items, positives)
    answers = positives.join(queries.select("id", "user", "split", "first", "last"), on=["user", "split"]).filter(
        pl.col("number").is_between("first", "last")
    )
    qrels = [
        answers.select(query_id="id", doc_id="item", relevance=1, split="split"),
        _passed_over(rows, answers),
        _seen(rows, answers),
    ]
    texts = _histories(queries, positives, history=history)
    dataset = Dataset.from_tables(texts, documents, pl.concat(qrels, how="vertical_relaxed"), name=name)
    return dataset, _count(events, rows, positives, queries, documents)


def _with_splits(rows: pl.DataFrame, splits: Splits) -> pl.DataFrame:
    """Name the split of each interaction; what is not positive goes with the user's next positive."""
    if splits.by == "time":
        times = rows.filter("positive")["time"]
        cuts = [times.quantile(1 - share, "nearest") for share in (splits.test_share + splits.dev_share, splits.test_share)]
        split = pl.when(pl.col("time") >= cuts[1]).then(pl.lit("test")).when(pl.col("time") >= cuts[0])
        return rows.with_columns(split=split.then(pl.lit("dev")).otherwise(pl.lit("train")))
    left = pl.col("positive").sum().over("user") - pl.col("positive").cum_sum().over("user")
    left = left.cast(pl.Int64) + pl.when("positive").then(1).otherwise(0)
    is_held = pl.col("positive").sum().over("user") >= _LEAST_POSITIVES
    split = pl.when(is_held & (left == 1)).then(pl.lit("test")).when(is_held & (left == 2)).then(pl.lit("dev"))
    return rows.with_columns(split=split.when(is_held & (left == 0)).then(pl.lit("after")).otherwise(pl.lit("train")))


def _numbered(positives: pl.DataFrame) -> pl.DataFrame:
    """Number the positives of each user from 0, in order of time."""
    return positives.with_columns(number=pl.int_range(pl.len()).over("user").cast(pl.Int64))


def _queries(positives: pl.DataFrame, *, max_pairs_per_user: int | None) -> pl.DataFrame:
    """List the queries: a user and the numbers of the positives that answer, `first` of which ends the history."""
    train = positives.filter((pl.col("split") == "train") & (pl.col("number") > 0))
    if max_pairs_per_user is not None:
        train = train.group_by("user", maintain_order=True).tail(max_pairs_per_user)
    pairs = train.select("user", "split", "time", first="number", last="number")
    held = positives.filter(pl.col("split").is_in(_HELD)).group_by("user", "split", maintain_order=True)
    later = held.agg(pl.col("time").min(), first=pl.col("number").min(), last=pl.col("number").max())
    later = later.filter(pl.col("first") > 0).select(pairs.columns)
    if pairs.is_empty() or later.is_empty():
        where = "training" if pairs.is_empty() else "dev and test"
        raise DatasetError(
            f"no user has enough positives for {where}: leave-last-out needs users with three or more, a split by time "
            "users on both sides of it"
        )
    moment = pl.when(pl.col("split") == "train").then(pl.col("first").cast(pl.String)).otherwise("split")
    order = {"train": 0, "dev": 1, "test": 2}
    return pl.concat([pairs, later.sort(pl.col("split").replace_strict(order), maintain_order=True)]).with_columns(
        id=pl.concat_str("user", moment, separator="@")
    )


def _histories(queries: pl.DataFrame, positives: pl.DataFrame, *, history: int) -> pl.DataFrame:
    """Write each query's history as ids, the newest first."""
    taken = positives.group_by("user", maintain_order=True).agg(pl.concat_str(pl.lit(ID_MARK), _token("item")).alias("taken"))
    joined = queries.join(taken, on="user", maintain_order="left").with_columns(
        begin=(pl.col("first") - history).clip(lower_bound=0)
    )
    newest = pl.col("taken").list.slice(pl.col("begin"), pl.col("first") - pl.col("begin")).list.reverse()
    return joined.select("id", pl.col("user").alias(HISTORY_OF), "time", text=newest.list.join(" ")).select(
        "id", "text", HISTORY_OF, "time"
    )


def _token(column: str) -> pl.Expr:
    """Write an id as one word."""
    return pl.col(column).str.replace_all(r"\s+", "_")


def _documents(rows: pl.DataFrame, items: pl.DataFrame | None, positives: pl.DataFrame) -> pl.DataFrame:
    """Describe every item, with its id as a word of its text."""
    known = rows.select(id="item").unique(maintain_order=True)
    documents = known.with_columns(text=pl.lit("")) if items is None else items
    missing = known.join(documents, on="id", how="anti", maintain_order="left")
    documents = pl.concat([documents, missing], how="diagonal").with_columns(pl.col("text").fill_null(""))
    popularity = positives.filter(pl.col("split") == "train").group_by(id="item").agg(popularity=pl.len().cast(pl.Int32))
    return documents.drop("popularity", strict=False).join(popularity, on="id", how="left", maintain_order="left").with_columns(
        pl.col("popularity").fill_null(0),
        text=pl.concat_str(pl.lit(ID_MARK), _token("id"), pl.lit(" "), "text").str.strip_chars(),
    )


def _passed_over(rows: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Judge what was met and not taken before a training pair, and after the user's positive before that."""
    counted = rows.with_columns(number=(pl.col("positive").cum_sum().over("user")).cast(pl.Int64))
    shown = counted.filter(~pl.col("positive") & (pl.col("split") == "train"))
    train = answers.filter(pl.col("split") == "train")
    return shown.join(train.select("user", "number", "id"), on=["user", "number"]).select(
        query_id="id", doc_id="item", relevance=0, split=pl.lit("train")
    )


def _seen(rows: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Label all that the user of a dev or test query met before the first of its answers."""
    held = answers.filter(pl.col("split").is_in(_HELD)).group_by("user", "id", maintain_order=True)
    begins = held.agg(begin=pl.col("order").min())
    met = rows.join(begins, on="user").filter(pl.col("order") < pl.col("begin"))
    return met.sort("id", "order").select(
        query_id="id", doc_id="item", relevance=pl.col("positive").cast(pl.Int32), split=pl.lit(SEEN)
    )


def _count(
    events: pl.DataFrame,
    rows: pl.DataFrame,
    positives: pl.DataFrame,
    queries: pl.DataFrame,
    documents: pl.DataFrame,
) -> Counts:
    cold = documents.filter(pl.col("popularity") == 0)["id"]
    held = {split: positives.filter(pl.col("split") == split) for split in _HELD}
    first = {split: part.group_by("user").agg(pl.col("number").min()) for split, part in held.items()}
    pairs = queries.filter(pl.col("split") == "train").group_by("user").len()["len"]
    return Counts(
        interactions=events.height,
        positives=positives.height,
        users=rows["user"].n_unique(),
        items=documents.height,
        cold_items=len(cold),
        cold_positives={
            split: float(part["item"].is_in(cold.implode()).mean() or 0.0) for split, part in held.items()  # type: ignore[arg-type]
        },
        cold_users={split: int((part["number"] == 0).sum()) for split, part in first.items()},
        pairs_per_user=(float(pairs.median() or 0), int(pairs.max() or 0)),  # type: ignore[arg-type]
    )
