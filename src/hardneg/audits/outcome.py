"""What mining made of answers that it did not know: counts by query, source and filter."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.filters.columns import lowest_positive, scores, suffixes
from hardneg.planting.planting import Planted

_QUERY_COUNTS = ("hidden", "hidden_retrieved", "selected", "hidden_selected", "full")
_SUMS = ("rank_sum", "rank_n", "score_sum", "score_n", "relative_sum", "relative_n")
_KEYS = {"sources": "source", "filters": "filter"}


@dataclass(frozen=True, eq=False)
class Outcome:
    """Counts of hidden answers and of how hard the other negatives are."""

    queries: pl.DataFrame  # `hidden`, `selected`, `full` (1 if it got its number), …; `_sum / _n` are means
    sources: pl.DataFrame  # `source`, `hidden_retrieved`, `selected`, `hidden_selected`
    filters: pl.DataFrame  # `filter`, `hidden_refused`, `others_refused`, both of what some source found


def outcome(
    candidates: pl.DataFrame,
    negatives: pl.DataFrame,
    planted: Planted,
    block: Int32[np.ndarray, " queries"],
    *,
    per_query: int,
    score: str,
) -> Outcome:
    """Count what became of the hidden answers of some queries.

    A text counts once for a query, under whatever id. With s the score of a negative and s+ that of its query's weakest
    known positive, the relative score is the sum of s over the sum of s+, written 1 + sum(s - s+) / sum(|s+|) so that
    it means "lower" also below 0. A mean of the single ratios would hang on the few whose s+ is next to 0.
    """
    asked = pl.DataFrame({"query": np.sort(block)}, schema={"query": pl.Int32})
    retrieved = _retrieved(candidates, planted)
    chosen = _chosen(negatives, candidates, planted, score=score)
    hidden_found = retrieved.filter("hidden").group_by("query").agg(hidden_retrieved=pl.len())
    by_query = (
        asked.join(_hidden(planted), on="query", how="left")
        .join(hidden_found, on="query", how="left")
        .join(_per_query(chosen), on="query", how="left")
        .fill_null(0)
        .with_columns(full=(pl.col("selected") >= per_query).cast(pl.Int64))
        .sort("query")
    )
    return Outcome(
        by_query.select(
            "query",
            *(pl.col(name).cast(pl.Int64) for name in _QUERY_COUNTS),
            *(pl.col(name).cast(pl.Float64) for name in _SUMS),
        ),
        _by_source(retrieved, chosen),
        _by_filter(retrieved),
    )


def together(parts: list[Outcome]) -> Outcome:
    """Join the counts of several blocks: queries one below the other, sources and filters added up."""

    def added(name: str) -> pl.DataFrame:
        tables = pl.concat([getattr(part, name) for part in parts])
        return tables.group_by(_KEYS[name], maintain_order=True).sum()

    return Outcome(pl.concat([part.queries for part in parts]), added("sources"), added("filters").sort("filter"))


def _hidden(planted: Planted) -> pl.DataFrame:
    query = (planted.hidden.keys // planted.hidden.width).astype(np.int32)
    return pl.DataFrame({"query": query}, schema={"query": pl.Int32}).group_by("query").agg(hidden=pl.len())


def _retrieved(candidates: pl.DataFrame, planted: Planted) -> pl.DataFrame:
    """Mark hidden answers among what some source found; of copies, the one that got furthest stays."""
    ranks = [f"rank.{name}" for name in suffixes(candidates, "rank")]
    query, document = candidates["query"].to_numpy(), candidates["document"].to_numpy()
    table = candidates.select("query", "dropped_by", *ranks).with_columns(
        text=pl.Series(planted.dataset.text_group[document]), hidden=pl.Series(planted.is_hidden(query, document))
    )
    table = table.filter(pl.any_horizontal(pl.col(ranks).is_not_null()))
    once = table.filter("hidden").sort("query", "text", "dropped_by", nulls_last=False)
    once = once.group_by("query", "text", maintain_order=True).agg(
        pl.col("dropped_by").first(), *(pl.col(name).min() for name in ranks), pl.col("hidden").first()
    )
    return pl.concat([once.select(table.columns), table.filter(~pl.col("hidden"))])


def _chosen(negatives: pl.DataFrame, candidates: pl.DataFrame, planted: Planted, *, score: str) -> pl.DataFrame:
    """Mark hidden answers among the negatives, and give each its score and how it compares with the positive."""
    values = scores(candidates, score)
    positive = lowest_positive(candidates, values, planted.dataset)
    magnitude = np.abs(positive)
    scored = candidates.select(
        "query",
        "document",
        score=pl.Series(values).fill_nan(None),
        relative=pl.Series(values - positive + magnitude).fill_nan(None),
        magnitude=pl.Series(magnitude),
    )
    rows = negatives.select("query", "document", "source", "rank").join(
        scored, on=["query", "document"], how="left", maintain_order="left"
    )
    hidden = planted.is_hidden(rows["query"].to_numpy(), rows["document"].to_numpy())
    return rows.with_columns(hidden=pl.Series(hidden))


def _per_query(chosen: pl.DataFrame) -> pl.DataFrame:
    """Add up by query, row after row: the order of a sum must not depend on the block."""
    query, which = np.unique(chosen["query"].to_numpy(), return_inverse=True)
    hidden = chosen["hidden"].to_numpy()
    columns = {
        "selected": np.bincount(which, minlength=len(query)),
        "hidden_selected": np.bincount(which[hidden], minlength=len(query)),
    }
    for name in ("rank", "score", "relative"):
        value = chosen[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        counted = ~hidden & ~np.isnan(value)
        columns[f"{name}_sum"] = np.bincount(which[counted], value[counted], minlength=len(query))
        weight = chosen["magnitude"].to_numpy() if name == "relative" else np.ones(len(value))
        columns[f"{name}_n"] = np.bincount(which[counted], weight[counted], minlength=len(query))
    return pl.DataFrame({"query": query.astype(np.int32)} | columns)


def _by_source(retrieved: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    answers = retrieved.filter("hidden")
    names = suffixes(retrieved, "rank")
    chosen_by = chosen.group_by("source").agg(selected=pl.len(), hidden_selected=pl.col("hidden").sum())
    counts = pl.DataFrame(
        {"source": names, "hidden_retrieved": [answers[f"rank.{name}"].count() for name in names]},
        schema={"source": pl.String, "hidden_retrieved": pl.Int64},
    )
    table = counts.join(chosen_by, on="source", how="full", coalesce=True, maintain_order="left_right")
    return table.select("source", pl.col("hidden_retrieved", "selected", "hidden_selected").cast(pl.Int64).fill_null(0))


def _by_filter(retrieved: pl.DataFrame) -> pl.DataFrame:
    dropped = retrieved.filter(pl.col("dropped_by").is_not_null())
    counts = dropped.group_by("dropped_by").agg(
        hidden_refused=pl.col("hidden").sum().cast(pl.Int64), others_refused=(~pl.col("hidden")).sum().cast(pl.Int64)
    )
    return counts.rename({"dropped_by": "filter"}).sort("filter")
