"""Which of the remaining candidates become negatives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from hardneg.components import Room, settle
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.filters.columns import column, suffixes
from hardneg.negatives.eligible import choose, eligible
from hardneg.negatives.shortage import TRIES, fill
from hardneg.negatives.strategies import STRATEGIES, Strategy, Top
from hardneg.place import Place

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

    per_query: int = 4
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
    chosen = choose(
        rows.with_columns(last=order.last, key=order.key),
        quotas=selection.quotas or {},
        per_query=selection.per_query,
        one_scale=one_scale,
    )
    if selection.shortage == "keep_short":
        return _as_table(chosen, candidates, weigh=selection.weigh)
    short = _short(candidates, chosen, per_query=selection.per_query)
    if selection.shortage == "drop_query":
        full = chosen.join(short, on="query", how="anti", maintain_order="left")
        return _as_table(full, candidates, weigh=selection.weigh)
    n_tries = TRIES + 4 * selection.per_query
    filling = fill(short, chosen, candidates, dataset, score=selection.score, seed=seed, n_tries=n_tries)
    whole = pl.concat([chosen, filling], how="diagonal").sort("query", maintain_order=True)
    return _as_table(whole, candidates, weigh=selection.weigh)


def _short(candidates: pl.DataFrame, chosen: pl.DataFrame, *, per_query: int) -> pl.DataFrame:
    """List the queries with too few negatives, and how many each needs."""
    n_chosen = candidates.select(pl.col("query").unique().sort()).join(
        chosen.group_by("query").len("n"), on="query", how="left", maintain_order="left"
    )
    need = per_query - pl.col("n").fill_null(0).cast(pl.Int64)
    return n_chosen.select("query", need=need).filter(pl.col("need") > 0)


def _as_table(chosen: pl.DataFrame, candidates: pl.DataFrame, *, weigh: bool) -> pl.DataFrame:
    told = [name for name in ("teacher_score", "p_positive") if name in candidates.columns]
    table = chosen.join(
        candidates.select("query", "document", *told), on=["query", "document"], how="left", maintain_order="left"
    ).with_columns(
        pl.lit(None, dtype=pl.Float32).alias(name) for name in ("teacher_score", "p_positive") if name not in told
    )
    weight = 1 - pl.col("p_positive").fill_null(0.0) if weigh else pl.lit(1.0)
    table = table.with_columns(weight=weight)
    return table.select(pl.col(name).cast(dtype) for name, dtype in NEGATIVES_SCHEMA.items())


def _check(candidates: pl.DataFrame, selection: Selection) -> None:
    if "dropped_by" not in candidates.columns:
        raise ValueError("the candidates have no column dropped_by; pass them through apply_filters first")
    for source in selection.quotas or {}:
        known = suffixes(candidates, "rank")
        if source not in known:
            raise RecipeError(
                f"select: a quota names {source!r}, but the sources are: {', '.join(known) or 'none'}; "
                "name one of these or add the source"
            )
    if selection.score is not None:
        column(candidates, "score", selection.score)
