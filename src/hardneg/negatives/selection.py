"""Which of the remaining candidates become negatives, and random documents where they are too few."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import polars as pl

from hardneg.components import Room, settle
from hardneg.data.dataset import Dataset
from hardneg.data.labels import PairSet
from hardneg.data.unfit import empty_documents, repeats_query
from hardneg.errors import RecipeError
from hardneg.filters.columns import column, suffixes
from hardneg.negatives.eligible import choose, eligible, scores_of
from hardneg.negatives.strategies import STRATEGIES, Strategy, Top
from hardneg.place import Place
from hardneg.randomness import bits, permutation

_DRAW = 2
_TRIES = 64  # random documents looked at for a query before all are
Shortage = Literal["keep_short", "fill_random", "drop_query"]

NEGATIVES_SCHEMA = {
    "query": pl.Int32,
    "document": pl.Int32,
    "source": pl.String,
    "rank": pl.Int32,
    "score": pl.Float32,
    "positive_score": pl.Float32,
    "teacher_score": pl.Float32,
    "p_positive": pl.Float32,
    "weight": pl.Float32,
}


@dataclass(frozen=True)
class Selection:
    """How many negatives a query gets, and which.

    Args:
        per_query: Negatives for each query, at least 1.
        strategy: The order in which candidates are chosen, or its name ("weighted(temperature=0.1)").
        quotas: Number of negatives for each source, filled in this order; at most `per_query` in all. What
            a source cannot fill, and what the quotas leave open, goes to the candidates of all sources. None
            treats all sources as one list.
        shortage: What becomes of a query with too few candidates: "keep_short" gives it what there is,
            "fill_random" adds random documents, "drop_query" takes all its negatives away.
        score: Name of the source whose score the strategy reads and the negatives carry, best one that scores
            any pair (bm25, dense, vectors). None takes each source's own.
        weigh: Whether a negative's `weight` is 1 less its `p_positive`, where a learned filter gave one, so that
            a likely answer is pushed away less; if not, all weigh 1.

    Raises:
        RecipeError: A value is out of range.
    """

    per_query: int = 8
    strategy: Strategy = field(default_factory=Top)
    quotas: Mapping[str, int] | None = None
    shortage: Shortage = "keep_short"
    score: str | None = None
    weigh: bool = False

    def __post_init__(self) -> None:
        settle(self, Place(Path("select")), rooms={"strategy": Room("strategy", STRATEGIES)})
        if self.per_query < 1:
            raise RecipeError(f"select: per_query is {self.per_query}; set it to 1 or more")
        if self.shortage not in get_args(Shortage):
            raise RecipeError(f"select: shortage is {self.shortage!r}; set it to {' or '.join(get_args(Shortage))}")
        for source, number in (self.quotas or {}).items():
            if number < 1:
                raise RecipeError(f"select: the quota of {source!r} is {number}; set it to 1 or more, or leave it out")
        total = sum((self.quotas or {}).values())
        if total > self.per_query:
            raise RecipeError(
                f"select: the quotas add up to {total}, above per_query = {self.per_query}; "
                f"set per_query = {total} or lower a quota"
            )


def select(candidates: pl.DataFrame, dataset: Dataset, selection: Selection, *, seed: int) -> pl.DataFrame:
    """Choose the negatives of each query among the candidates that no filter refused.

    What one query gets depends on its own rows and the seed, never on the other queries of the block.

    Args:
        candidates: As `apply_filters` returns them.
        dataset: The dataset whose positions the rows use.
        selection: How many, and which.
        seed: Seed of every draw.

    Returns:
        Columns `query`, `document`, `source` (the source that it was chosen for, or "fill"), `rank`, `score`,
        `positive_score` (of the query's weakest positive under the same score), `teacher_score` and
        `p_positive` (null unless a filter found them) and `weight`. Ordered by query, then choice.

    Raises:
        RecipeError: A quota or the score names something that the candidates do not have.
        ValueError: The candidates were not filtered.
    """
    _check(candidates, selection)
    rows = eligible(candidates, dataset, score=selection.score)
    order = selection.strategy.order(rows, by_score=selection.score is not None, seed=seed)
    one_scale = selection.score is not None or not selection.strategy.compares_scores
    rows = rows.with_columns(last=order.last, key=order.key)
    chosen = choose(rows, quotas=selection.quotas or {}, per_query=selection.per_query, one_scale=one_scale)
    if selection.shortage != "keep_short":
        short = _short(candidates, chosen, per_query=selection.per_query)
        if selection.shortage == "drop_query":
            chosen = chosen.join(short, on="query", how="anti", maintain_order="left")
        else:
            n_tries = _TRIES + 4 * selection.per_query
            filling = fill(short, chosen, candidates, dataset, score=selection.score, seed=seed, n_tries=n_tries)
            chosen = pl.concat([chosen, filling], how="diagonal").sort("query", maintain_order=True)
    notes = [name for name in ("teacher_score", "p_positive") if name in candidates.columns]
    annotated = candidates.select("query", "document", *notes)
    table = chosen.join(annotated, on=["query", "document"], how="left", maintain_order="left")
    weighs = selection.weigh and "p_positive" in notes
    return as_negatives(table.with_columns(weight=1 - pl.col("p_positive").fill_null(0.0) if weighs else pl.lit(1.0)))


def as_negatives(table: pl.DataFrame) -> pl.DataFrame:
    """Give a table the columns of negatives alone, null where it lacks one."""
    lacking = [pl.lit(None).alias(name) for name in NEGATIVES_SCHEMA if name not in table.columns]
    return table.with_columns(lacking).select(pl.col(name).cast(dtype) for name, dtype in NEGATIVES_SCHEMA.items())


def _check(candidates: pl.DataFrame, selection: Selection) -> None:
    if "dropped_by" not in candidates.columns:
        raise ValueError("the candidates have no column dropped_by; pass them through apply_filters first")
    sources = suffixes(candidates, "rank")
    for source in selection.quotas or {}:
        if source not in sources:
            raise RecipeError(
                f"select: a quota names {source!r}, but the sources are: {', '.join(sources) or 'none'}; "
                "name one of these or add the source"
            )
    if selection.score is not None:
        column(candidates, "score", selection.score)


def _short(candidates: pl.DataFrame, chosen: pl.DataFrame, *, per_query: int) -> pl.DataFrame:
    """List the queries with too few negatives, and how many each needs."""
    n_chosen = candidates.select(pl.col("query").unique().sort()).join(
        chosen.group_by("query").len("n"), on="query", how="left", maintain_order="left"
    )
    need = per_query - pl.col("n").fill_null(0).cast(pl.Int64)
    return n_chosen.select("query", need=need).filter(pl.col("need") > 0)


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
    near duplicates are not asked about it. The number of tries decides the result, so it must not depend on other
    queries. A query gets fewer than it needs only where the dataset has no more.
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
    if score is None:
        return filled
    _, positive = scores_of(candidates, dataset, score=score)
    of_query = candidates.select("query", positive).unique("query", keep="first")
    return filled.join(of_query, on="query", how="left", maintain_order="left")


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
