"""What must hold of negatives before they are written, whatever sources, filters and selection did."""

from collections.abc import Iterator

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError

PAIR = ["query", "document"]


def check_negatives(negatives: pl.DataFrame, dataset: Dataset, *, per_query: int) -> None:
    """Refuse to write negatives that no plan may give, by a dataset that has all labels that were mined by."""
    problem = next(problems(negatives, dataset, per_query=per_query), None)
    if problem is not None:
        raise RunError(
            f"mining gave {problem}, which it never must: nothing of it was written. This is a fault of hardneg, or of "
            "a source, filter or strategy of your own; leave out the last one that was added, and report it"
        )


def problems(negatives: pl.DataFrame, dataset: Dataset, *, per_query: int | None = None) -> Iterator[str]:
    """Name what is wrong with negatives, each kind with its first row."""
    pairs = negatives.select(PAIR)
    if pairs.null_count().sum_horizontal().item():
        yield "a negative without a query or document"
        return
    answers = pairs.filter(dataset.is_answer(pairs["query"].to_numpy(), pairs["document"].to_numpy()))
    if answers.height:
        query, document = answers.row(0)
        ids = f"{dataset.queries['id'][query]!r} and {dataset.documents['id'][document]!r}"
        yield f"{answers.height:,} negatives that are labelled answers, by id or text (query and document {ids})"
    if pairs.is_duplicated().any():
        query, document = pairs.filter(pairs.is_duplicated()).row(0)
        ids = f"query {dataset.queries['id'][query]!r}, document {dataset.documents['id'][document]!r}"
        yield f"the same negative twice ({ids})"
    most = 0 if pairs.is_empty() else int(pairs["query"].unique_counts().max())  # type: ignore[arg-type]
    if per_query is not None and most > per_query:
        yield f"a query with {most:,} negatives, more than the {per_query:,} that were asked for"
