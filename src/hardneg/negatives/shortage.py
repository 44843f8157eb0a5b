"""Random documents for queries that came up short."""

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.unfit import empty_documents, repeats_query
from hardneg.negatives.eligible import scores_of
from hardneg.randomness import bits, permutation

_DRAW = 2
TRIES = 64


def fill(
    short: pl.DataFrame,
    chosen: pl.DataFrame,
    candidates: pl.DataFrame,
    dataset: Dataset,
    *,
    score: str | None,
    seed: int,
    n_tries: int,
) -> pl.DataFrame:
    """Draw random documents for queries with too few negatives.

    A drawn document is none that answers the query or says what it says, no empty one, none whose text equals
    that of a candidate a filter dropped for this query, and none already chosen. Filters that compare scores or
    near duplicates are not asked about it.
    """
    refused = _refused(chosen, candidates, dataset)
    query = short["query"].to_numpy()
    tries = bits(seed, _DRAW, query[:, None], np.arange(n_tries))
    drawn = (tries % np.uint64(dataset.n_documents)).astype(np.int32)
    filling = _accepted(short, np.repeat(query, drawn.shape[1]), drawn.ravel(), refused, dataset)
    still = short.join(filling.group_by("query").len("n"), on="query", how="left", maintain_order="left").filter(
        pl.col("n").fill_null(0) < pl.col("need")
    )
    parts = [filling.join(still, on="query", how="anti", maintain_order="left")]
    for row in still.select("query").iter_slices(1):
        one = int(row.item())
        every = permutation(seed, _DRAW, one, size=dataset.n_documents).astype(np.int32)
        parts.append(_accepted(short, np.full(len(every), one, dtype=np.int32), every, refused, dataset))
    filled = pl.concat(parts).sort("query", maintain_order=True).with_columns(source=pl.lit("fill"))
    return _with_positive_score(filled, candidates, dataset, score=score)


def _refused(chosen: pl.DataFrame, candidates: pl.DataFrame, dataset: Dataset) -> PairSet:
    """Collect the texts that a query must not or need not be given."""
    dropped = candidates.filter(pl.col("dropped_by").is_not_null())
    query = np.concatenate([dropped["query"].to_numpy(), chosen["query"].to_numpy()])
    text = np.concatenate([dataset.text_group[dropped["document"].to_numpy()], chosen["text"].to_numpy()])
    return PairSet.build(query, text, width=dataset.n_documents)


def _accepted(
    short: pl.DataFrame, query: np.ndarray, document: np.ndarray, refused: PairSet, dataset: Dataset
) -> pl.DataFrame:
    """Keep the first draws of each query that may be negatives, as many as it needs."""
    text = dataset.text_group[document]
    allowed = ~dataset.is_answer(query, document) & ~refused.contains(query, text)
    allowed &= ~repeats_query(dataset, query, document) & ~empty_documents(dataset)[document]
    draws = pl.DataFrame({"query": query, "document": document, "text": text}).filter(pl.Series(allowed))
    once = draws.unique(["query", "text"], keep="first", maintain_order=True)
    once = once.join(short, on="query", maintain_order="left")
    return once.filter(pl.int_range(pl.len()).over("query") < pl.col("need")).select("query", "document")


def _with_positive_score(
    filled: pl.DataFrame, candidates: pl.DataFrame, dataset: Dataset, *, score: str | None
) -> pl.DataFrame:
    if score is None:
        return filled
    _, positive = scores_of(candidates, dataset, score=score)
    of_query = candidates.select("query", positive).unique("query", keep="first")
    return filled.join(of_query, on="query", how="left", maintain_order="left")
