"""Rankings without documents that a split labels for the query, such as what a user has seen."""

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.errors import DatasetError
from hardneg.sources import Source


def labelled_in(dataset: Dataset, split: str, *, but: str) -> PairSet:
    """Collect every (query, document) that a split labels, relevant or not.

    Args:
        dataset: Whose labels.
        split: The split.
        but: The split that is measured; none of its answers may be among them.

    Returns:
        The pairs.

    Raises:
        DatasetError: There is no such split, or it labels an answer of the other.
    """
    if split not in dataset.splits:
        raise DatasetError(f"{dataset.name} has no split {split!r} to exclude; it has: {', '.join(dataset.splits)}")
    rows = dataset.qrels.filter(pl.col("split") == split)
    labelled = PairSet.build(rows["query"].to_numpy(), rows["document"].to_numpy(), width=dataset.n_documents)
    query, document = dataset.pairs_of(but)
    lost = np.flatnonzero(labelled.contains(query, document))
    if len(lost):
        named = f"{dataset.queries['id'][int(query[lost[0]])]} / {dataset.documents['id'][int(document[lost[0]])]}"
        raise DatasetError(
            f"split {split!r} of {dataset.name} labels {len(lost):,} answers of {but!r}, the first {named}; they could "
            "never be found"
        )
    return labelled


def retrieve_without(
    excluded: PairSet | None, retriever: Source, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int
) -> pl.DataFrame:
    """Retrieve so deep that `depth` documents are left when some are taken out.

    Args:
        excluded: Pairs to take out; None takes out none.
        retriever: Any source of candidates.
        dataset: What to search.
        block: Positions of the queries.
        depth: Documents for each query.

    Returns:
        A retrieval table, see `Source.retrieve`, its ranks without gaps.
    """
    if excluded is None:
        return retriever.retrieve(dataset, block, depth)
    most = int(np.bincount(np.searchsorted(np.sort(block), excluded.among(block)[0]), minlength=1).max())
    found = retriever.retrieve(dataset, block, min(depth + most, dataset.n_documents))
    left = found.filter(~excluded.contains(found["query"].to_numpy(), found["document"].to_numpy()))
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query")
    return left.with_columns(rank=rank).filter(pl.col("rank") <= depth)
