"""Which pairs are trained on together, and in which order."""

from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, Integer

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.randomness import bits, permutation
from hardneg.training.pool.pool import Batch, Weights

# Set apart from each other the draws that one seed gives for different ends.
_CHOICE, _ORDER, _BATCHES, _TURN = 11, 12, 13, 14


def training_pairs(
    dataset: Dataset, split: str, *, max_pairs: int | None = None, seed: int = 0
) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
    """List the positive pairs to train on; a larger cap with the same seed takes the same pairs and more."""
    query, document = dataset.pairs_of(split)
    if max_pairs is None or max_pairs >= len(query):
        return query, document
    order = np.lexsort((document, query, bits(seed, _CHOICE, query)))
    chosen = np.sort(order[:max_pairs])
    return query[chosen], document[chosen]


def epoch_batches(
    dataset: Dataset,
    query: Int32[np.ndarray, " pairs"],
    document: Int32[np.ndarray, " pairs"],
    *,
    batch_size: int,
    epoch: int,
    seed: int,
    repeat_documents: bool = False,
) -> list[Int64[np.ndarray, " rows"]]:
    """Cut pairs into batches in which no query and no document occurs twice, texts compared.

    Pairs are placed in a seeded order, each into the first batch that has room and neither its query nor its
    document. Every pair is placed exactly once; the batches are then shuffled. Batches are as few as the pairs need,
    and of equal size but for one pair, so that none is left alone at the end; only pairs that must not meet make
    further and smaller ones. With `repeat_documents` the seeded order is cut as it is, and nothing is kept from
    occurring twice.
    """
    order = permutation(seed, _ORDER, epoch, size=len(query))
    sizes = even_sizes(len(order), batch_size)
    if repeat_documents:
        return np.split(order, np.cumsum(sizes)[:-1])
    batch_of = _place(dataset.query_text_group[query][order], dataset.text_group[document][order], sizes=sizes)
    by_batch = np.argsort(batch_of, kind="stable")
    batches = np.split(order[by_batch], np.flatnonzero(np.diff(batch_of[by_batch])) + 1)
    return [batches[at] for at in permutation(seed, _BATCHES, epoch, size=len(batches))]


def ordered_batches(
    dataset: Dataset,
    query: Int32[np.ndarray, " pairs"],
    document: Int32[np.ndarray, " pairs"],
    order: Int64[np.ndarray, " some"],
    sizes: Int64[np.ndarray, " batches"],
    *,
    repeat_documents: bool = False,
) -> list[Int64[np.ndarray, " rows"]]:
    """Cut some pairs, in an order that means something, into batches of just these sizes.

    A pair whose query or document is in its batch goes on to the next that has room. Where none is left for it, it
    stands beside the other all the same: what answers a query is never its negative.
    """
    if repeat_documents:
        return np.split(order, np.cumsum(sizes)[:-1])
    batch_of = _place(dataset.query_text_group[query][order], dataset.text_group[document][order], sizes=sizes)
    beyond = batch_of >= len(sizes)
    room = sizes - np.bincount(batch_of[~beyond], minlength=len(sizes))
    batch_of[beyond] = np.repeat(np.arange(len(sizes)), room)
    return np.split(order[np.argsort(batch_of, kind="stable")], np.cumsum(sizes)[:-1])


def dealt_batches(
    dataset: Dataset,
    query: Int32[np.ndarray, " pairs"],
    document: Int32[np.ndarray, " pairs"],
    *,
    batch_size: int,
    epoch: int,
    seed: int,
) -> list[Int64[np.ndarray, " rows"]]:
    """Deal pairs to batches like cards, so that the pairs of one query, or of one document, are spread evenly.

    Where one query has a large part of all pairs, batches that hold it once each would hold little else. Here a batch
    holds it several times, beside pairs of other queries to learn from; what answers it is never its negative.
    """
    order = permutation(seed, _ORDER, epoch, size=len(query))
    asked, answered = dataset.query_text_group[query][order], dataset.text_group[document][order]
    times = np.stack(
        [np.unique_counts(each).counts[np.unique_inverse(each).inverse_indices] for each in (asked, answered)]
    )
    # What a pair has in common with most others, and when the first of these comes in the seeded order.
    common = np.where(times[1] > times[0], -1 - answered, asked)
    _, first, group = np.unique(common, return_index=True, return_inverse=True)
    dealt = order[np.lexsort((first[group], -times.max(axis=0)))]
    n_batches = len(even_sizes(len(order), batch_size))
    return [dealt[at::n_batches] for at in permutation(seed, _BATCHES, epoch, size=n_batches)]


def even_sizes(n_pairs: int, batch_size: int) -> Int64[np.ndarray, " batches"]:
    """Cut a number of pairs into as few batches as it takes, of equal size but for one pair, and none of a lone pair.

    >>> even_sizes(33, 32).tolist(), even_sizes(100, 32).tolist(), even_sizes(5, 2).tolist()
    ([17, 16], [25, 25, 25, 25], [3, 2])
    """
    n_batches = max(1, min(-(-n_pairs // batch_size), n_pairs // 2))
    return np.full(n_batches, n_pairs // n_batches) + (np.arange(n_batches) < n_pairs % n_batches)


def _place(
    query: Integer[np.ndarray, " pairs"],
    document: Integer[np.ndarray, " pairs"],
    *,
    sizes: Int64[np.ndarray, " batches"],
) -> Int64[np.ndarray, " pairs"]:
    """Give each pair the first batch after those that hold its query or document, if it has room.

    Batches beyond those with a size, which only pairs that must not meet need, have the last one's.
    """
    after_query: dict[int, int] = {}
    after_document: dict[int, int] = {}
    room: list[int] = []
    next_open: list[int] = []  # jump over full batches; paths are halved, as in union-find
    placed = np.empty(len(query), dtype=np.int64)
    for at, (q, d) in enumerate(zip(query.tolist(), document.tolist(), strict=True)):
        batch = max(after_query.get(q, 0), after_document.get(d, 0))
        while batch < len(room) and room[batch] == 0:
            jump = next_open[batch]
            if jump < len(next_open):
                next_open[batch] = next_open[jump]
            batch = jump
        if batch == len(room):
            room.append(int(sizes[min(batch, len(sizes) - 1)]))
            next_open.append(batch)
        room[batch] -= 1
        if room[batch] == 0:
            next_open[batch] = batch + 1
        placed[at] = batch
        after_query[q] = after_document[d] = batch + 1
    return placed


@runtime_checkable
class Negatives(Protocol):
    """Where the mined negatives of a row come from."""

    def at(self, progress: float) -> "Negatives":
        """Give the negatives as they are drawn at a moment of the run, from 0 to 1."""

    def draw(self, query: int, *, turn: int, per_row: int | None, seed: int) -> Int32[np.ndarray, " negatives"]:
        """Take negatives for one row of a query; `turn` rows of it came before, over all epochs."""

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1; None if there are none at all."""


class MinedNegatives:
    """The mined negatives of each query, what they weigh, whose turn it is; of rows that repeat a pair, the first."""

    def __init__(self, table: pl.DataFrame | None, *, n_queries: int) -> None:
        rows = pl.DataFrame(schema={"query": pl.Int32, "document": pl.Int32}) if table is None else table
        rows = rows.select("query", "document", weight_of(rows).alias("weight"))
        rows = rows.unique(["query", "document"], keep="first", maintain_order=True)
        rows = rows.sort("query", maintain_order=True)
        starts = np.arange(n_queries + 1)
        self._document = rows["document"].to_numpy().astype(np.int32)
        self._start = np.searchsorted(rows["query"].to_numpy(), starts)
        self._shuffled: dict[int, Int32[np.ndarray, " rows"]] = {}  # by seed
        light = rows.filter(pl.col("weight") < 1)
        self._light_document = light["document"].to_numpy().astype(np.int32)
        self._light_weight = light["weight"].to_numpy()
        self._light_start = np.searchsorted(light["query"].to_numpy(), starts)

    def at(self, progress: float) -> "MinedNegatives":  # noqa: ARG002
        """Give the negatives as they are drawn at a moment of the run: the same at each."""
        return self

    def draw(self, query: int, *, turn: int, per_row: int | None, seed: int) -> Int32[np.ndarray, " negatives"]:
        """Take a query's next negatives; in successive turns each of them has its turn equally often."""
        low = self._start[query]
        n_negatives = self._start[query + 1] - low
        if per_row is None or per_row >= n_negatives:
            return self.of(query)
        if seed not in self._shuffled:  # all queries at once: one by one costs more than the step of a small model
            self._shuffled[seed] = self._shuffle(seed)
        return self._shuffled[seed][low + (turn * per_row + np.arange(per_row)) % n_negatives]

    def _shuffle(self, seed: int) -> Int32[np.ndarray, " rows"]:
        """Put the negatives of each query into the order of their turns, a `permutation` of the seed and the query."""
        counts = np.diff(self._start)
        query = np.repeat(np.arange(len(counts)), counts)
        drawn = bits(seed, _TURN, query, np.arange(len(query)) - self._start[query])
        return self._document[np.lexsort((drawn, query))]

    def of(self, query: int) -> Int32[np.ndarray, " negatives"]:
        """List all negatives of a query, in the order of the table."""
        return self._document[self._start[query] : self._start[query + 1]]

    def count(self, query: Int32[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
        """Count the negatives of each query."""
        return self._start[query + 1] - self._start[query]

    def nth(
        self, query: Int32[np.ndarray, " rows"], number: Integer[np.ndarray, " rows"]
    ) -> Int32[np.ndarray, " rows"]:
        """Give each query's negative of a number, from 0."""
        return self._document[self._start[query] + number]

    def weights(self, query: Int32[np.ndarray, " rows"]) -> Weights | None:
        """List the negatives of the rows' queries that weigh less than 1, drawn or not."""
        if not len(self._light_weight):
            return None
        low, counts = self._light_start[query], self._light_start[query + 1] - self._light_start[query]
        row = np.repeat(np.arange(len(query)), counts)
        at = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts) + low[row]
        return Weights(row, self._light_document[at], self._light_weight[at])


def weight_of(table: pl.DataFrame) -> pl.Expr:
    """Give the weight of each negative of a table; 1 where it says nothing."""
    weight = pl.col("weight") if "weight" in table.columns else pl.lit(1.0)
    return weight.cast(pl.Float32).fill_null(1.0)


def assemble(
    pairs: Int64[np.ndarray, " rows"],
    query: Int32[np.ndarray, " pairs"],
    document: Int32[np.ndarray, " pairs"],
    negatives: Negatives,
    *,
    per_row: int | None,
    epoch: int,
    seed: int,
) -> Batch:
    """Give the pairs of a batch their mined negatives of this epoch."""
    first = np.searchsorted(query, query[pairs])
    n_pairs = np.searchsorted(query, query[pairs], side="right") - first
    turns = epoch * n_pairs + (pairs - first)
    drawn = [
        negatives.draw(int(q), turn=int(turn), per_row=per_row, seed=seed)
        for q, turn in zip(query[pairs], turns, strict=True)
    ]
    row = np.repeat(np.arange(len(pairs)), [len(each) for each in drawn])
    return Batch(query[pairs], document[pairs], row, np.concatenate(drawn), negatives.weights(query[pairs]))


def check_positions(table: pl.DataFrame, dataset: Dataset, *, kind: str, made: str) -> None:
    """Make sure that a table of pairs fits a dataset."""
    for column, size in (("query", dataset.n_queries), ("document", dataset.n_documents)):
        if column not in table.columns:
            raise RunError(f"the table of {kind} has no column {column!r}; it has: {', '.join(table.columns)}")
        if not table.schema[column].is_integer():
            raise RunError(f"column {column!r} of the table of {kind} must hold positions, not ids")
        inside = table[column].is_between(0, size - 1).fill_null(False)
        if not inside.all():
            wrong = table.filter(~inside)[column][0]
            raise RunError(
                f"the table of {kind} names {column} {wrong}, but {dataset.name} has {size}; "
                f"were the {kind} {made} for another dataset?"
            )
