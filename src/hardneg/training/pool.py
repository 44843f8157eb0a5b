"""Which documents a batch is scored against, and which of them may be negatives of which query."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Int64

from hardneg.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that are trained on together.

    Args:
        query: Query of each row.
        document: Its positive.
        negative_row: Row to which each mined negative belongs, ascending.
        negative: The mined negatives.
    """

    query: Int32[np.ndarray, " rows"]
    document: Int32[np.ndarray, " rows"]
    negative_row: Int64[np.ndarray, " negatives"]
    negative: Int32[np.ndarray, " negatives"]

    def __len__(self) -> int:
        return len(self.query)

    def part(self, index: int, *, of: int) -> "Batch":
        """Cut the rows into `of` parts of nearly equal length and take one, with its negatives."""
        low, high = (len(self) * index) // of, (len(self) * (index + 1)) // of
        mine = (self.negative_row >= low) & (self.negative_row < high)
        return Batch(self.query[low:high], self.document[low:high], self.negative_row[mine] - low, self.negative[mine])


@dataclass(frozen=True, eq=False)
class Pool:
    """The columns of a score matrix.

    Args:
        document: Document of each column; no two have the same normalised text.
        target: Column of each row's positive.
        allowed: `True` where the column's document is no answer to the row's query, or is the row's target.
    """

    document: Int32[np.ndarray, " pool"]
    target: Int64[np.ndarray, " rows"]
    allowed: Bool[np.ndarray, "rows pool"]


def build_pool(dataset: Dataset, batch: Batch, *, shared_negatives: bool = True) -> Pool:
    """Pool the positives of all rows and the mined negatives of all rows, each distinct text once.

    Args:
        dataset: Where the positions point to; its labels of all splits decide what is allowed.
        batch: The rows.
        shared_negatives: Whether a mined negative serves all rows of the batch, or only its own.

    Returns:
        The columns, ordered by text group.
    """
    documents = np.concatenate([batch.document, batch.negative])
    groups, first, column = np.unique(dataset.text_group[documents], return_index=True, return_inverse=True)
    target = column[: len(batch)].astype(np.int64)
    allowed = ~_answers(dataset, batch.query, groups)
    if not shared_negatives:
        allowed &= _own_or_positive(batch, column, len(groups))
    allowed[np.arange(len(batch)), target] = True
    return Pool(documents[first], target, allowed)


def _answers(
    dataset: Dataset, query: Int32[np.ndarray, " rows"], groups: Int32[np.ndarray, " pool"]
) -> Bool[np.ndarray, "rows pool"]:
    """Mark the answers; the same as `Dataset.is_answer` on all pairs, at the cost of the answers only."""
    text = dataset.query_text_group[query]
    distinct, row_of = np.unique(text, return_inverse=True)
    owner, group = dataset.answers.among(distinct)
    column = np.searchsorted(groups, group)
    inside = column < len(groups)
    inside[inside] = groups[column[inside]] == group[inside]
    marked = np.zeros((len(distinct), len(groups)), dtype=bool)
    marked[np.searchsorted(distinct, owner[inside]), column[inside]] = True
    return marked[row_of]


def _own_or_positive(
    batch: Batch, column: Int64[np.ndarray, " documents"], n_columns: int
) -> Bool[np.ndarray, "rows pool"]:
    open_to = np.zeros((len(batch), n_columns), dtype=bool)
    open_to[:, column[: len(batch)]] = True
    open_to[batch.negative_row, column[len(batch) :]] = True
    return open_to
