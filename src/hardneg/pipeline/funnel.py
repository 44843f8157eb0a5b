"""From candidates to negatives in numbers."""

from typing import Any

import polars as pl


def funnel(
    candidates: pl.LazyFrame, negatives: pl.LazyFrame, *, sources: list[str], n_queries: int, per_query: int
) -> dict[str, Any]:
    """Count what became of every candidate."""
    masks = {name: pl.col(f"rank.{name}").is_not_null() for name in sources}
    retrieved = candidates.filter(pl.any_horizontal(*masks.values()))
    chosen = dict(negatives.group_by("source").len().collect().iter_rows())
    key = "query" if "query" in negatives.collect_schema() else "query_id"
    lengths = negatives.group_by(key).len().collect()["len"]
    return {
        "queries": n_queries,
        **_fates(retrieved),
        "selected": int(lengths.sum()),
        "short_queries": n_queries - int((lengths >= per_query).sum()),
        "empty_queries": n_queries - len(lengths),
        "sources": {
            name: {
                **_fates(retrieved.filter(mask)),
                "queries_without": n_queries
                - int(retrieved.filter(mask).select(pl.col(key).n_unique()).collect().item()),
                "selected": chosen.get(name, 0),
            }
            for name, mask in masks.items()
        }
        | {name: {"selected": count} for name, count in sorted(chosen.items()) if name not in masks},
    }


def _fates(rows: pl.LazyFrame) -> dict[str, Any]:
    counts = dict(rows.group_by("dropped_by").len().collect().iter_rows())
    dropped = {name: count for name, count in sorted(counts.items(), key=str) if name is not None}
    return {"candidates": sum(counts.values()), "dropped": dropped, "eligible": counts.get(None, 0)}
