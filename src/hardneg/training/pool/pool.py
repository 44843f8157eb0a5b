"""Which documents a batch is scored against, and which of them may be negatives of which query."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet


@dataclass(frozen=True, eq=False)
class Weights:
    """Documents that count for less than a whole negative of a row."""

    row: Int64[np.ndarray, " pairs"]  # ascending
    document: Int32[np.ndarray, " pairs"]
    weight: Float32[np.ndarray, " pairs"]  # from 0 to less than 1


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that are trained on together."""

    query: Int32[np.ndarray, " rows"]
    document: Int32[np.ndarray, " rows"]
    negative_row: Int64[np.ndarray, " negatives"]  # row of each mined negative, ascending
    negative: Int32[np.ndarray, " negatives"]
    weights: Weights | None = None  # None if all count fully

    def __len__(self) -> int:
        return len(self.query)


@dataclass(frozen=True, eq=False)
class Pool:
    """The columns of a score matrix."""

    document: Int32[np.ndarray, " pool"]
    target: Int64[np.ndarray, " rows"]  # column of each row's positive
    allowed: Bool[np.ndarray, "rows pool"]  # no answer of the row, with a weight above 0; or its target
    weight: Float32[np.ndarray, "rows pool"] | None = None  # in [0, 1]


def build_pool(
    dataset: Dataset,
    batch: Batch,
    *,
    in_batch: bool = True,
    shared_negatives: bool = True,
    near: PairSet | None = None,
) -> Pool:
    """Pool the positives of all rows and the mined negatives of all rows, each distinct text once.

    `near` are numbers of a query's text and of a document's text that look like an answer; a judgement that says
    otherwise knows better.
    """
    documents = np.concatenate([batch.document, batch.negative])
    groups, first, column = np.unique(dataset.text_group[documents], return_index=True, return_inverse=True)
    target = column[: len(batch)].astype(np.int64)
    allowed = ~find_answers(dataset, batch.query, groups)
    if near is not None:
        likely = _members(near, dataset.query_text_group[batch.query], groups)
        allowed &= ~likely | judged_negative(dataset, batch.query, documents[first])
    if not (in_batch and shared_negatives):
        allowed &= _open_to(batch, column, len(groups), in_batch=in_batch, shared_negatives=shared_negatives)
    weight = None if batch.weights is None else spread_weights(dataset, batch.weights, len(batch), groups)
    if weight is not None:
        allowed &= weight > 0
    allowed[np.arange(len(batch)), target] = True
    return Pool(documents[first], target, allowed, weight)


def judged_negative(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], document: Int32[np.ndarray, " pool"]
) -> Bool[np.ndarray, "rows pool"]:
    """Mark the documents that were judged not relevant to a query, or have the text of one that was."""
    distinct, row_of = np.unique(query, return_inverse=True)
    owner, judged = dataset.judged_negatives.among(distinct)
    pair, column = _cells(dataset.text_group[judged], dataset.text_group[document])
    marked = np.zeros((len(distinct), len(document)), dtype=bool)
    marked[np.searchsorted(distinct, owner[pair]), column] = True
    return marked[row_of]


def find_answers(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], groups: Int32[np.ndarray, " pool"]
) -> Bool[np.ndarray, "rows pool"]:
    """Mark the answers; the same as `Dataset.is_answer` on all pairs, at the cost of the answers only."""
    marked = _members(dataset.answers, dataset.query_text_group[query], groups)
    shared = dataset.exclusions
    if len(shared.answers):
        marked |= _members(shared.answers, shared.group[query], groups)
    return marked


def _members(
    pairs: PairSet, key: Int32[np.ndarray, " rows"], groups: Int32[np.ndarray, " pool"]
) -> Bool[np.ndarray, "rows pool"]:
    """Mark the columns that are paired with the key of a row; -1 is paired with nothing."""
    distinct, row_of = np.unique(key, return_inverse=True)
    owner, group = pairs.among(distinct[distinct >= 0])
    pair, column = _cells(group, groups)
    marked = np.zeros((len(distinct), len(groups)), dtype=bool)
    marked[np.searchsorted(distinct, owner[pair]), column] = True
    return marked[row_of]


def spread_weights(
    dataset: Dataset, weights: Weights, n_rows: int, groups: Int32[np.ndarray, " pool"]
) -> Float32[np.ndarray, "rows pool"]:
    """Spread weights over columns; of two documents with one text, the smaller weight counts."""
    pair, column = _cells(dataset.text_group[weights.document], groups)
    spread = np.ones((n_rows, len(groups)), dtype=np.float32)
    np.minimum.at(spread, (weights.row[pair], column), weights.weight[pair])
    return spread


def _cells(
    wanted: Int32[np.ndarray, " pairs"], groups: Int32[np.ndarray, " pool"]
) -> tuple[Int64[np.ndarray, " cells"], Int64[np.ndarray, " cells"]]:
    """Find all columns of each text group, whatever their order; gives numbers of pairs and of columns.

    A pool is long and few of its columns are wanted: only those are sorted.
    """
    near = np.flatnonzero(np.isin(groups, wanted, kind="table"))
    column = near[np.argsort(groups[near], kind="stable")]
    low, high = (np.searchsorted(groups[column], wanted, side=side) for side in ("left", "right"))
    pair = np.repeat(np.arange(len(wanted)), high - low)
    at = np.arange(len(pair)) - np.repeat(np.cumsum(high - low) - (high - low), high - low) + low[pair]
    return pair, column[at]


def _open_to(
    batch: Batch,
    column: Int64[np.ndarray, " documents"],
    n_columns: int,
    *,
    in_batch: bool,
    shared_negatives: bool,
) -> Bool[np.ndarray, "rows pool"]:
    """Mark the columns that a row may be scored against because of how their documents came into the batch."""
    open_to = np.zeros((len(batch), n_columns), dtype=bool)
    positives, negatives = column[: len(batch)], column[len(batch) :]
    open_to[:, positives] = in_batch
    if shared_negatives:
        open_to[:, negatives] = True
    open_to[batch.negative_row, negatives] = True
    return open_to
