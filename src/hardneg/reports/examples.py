"""Examples to read: queries with their positives, negatives and refused candidates, few enough for a page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int64

_LETTERS = 600  # of a text that are shown
_REFUSED, _KEPT, _POSITIVES, _NEGATIVES = 8, 3, 4, 16  # rows of a query, at most
_PAIR_BYTES = 150  # of a shown pair without its texts
_PAIR = ["query_id", "doc_id"]


@dataclass(frozen=True)
class Caps:
    """How much of a run is shown."""

    sampled: int = 150  # queries drawn at random
    hardest: int = 50  # queries whose negatives come closest to their positive, or lie above it
    size: int = 1_300_000  # bytes; queries that would go beyond are left out, drawn ones first


@dataclass(frozen=True, eq=False)
class Examples:
    """Queries to read, with what became of their candidates."""

    rows: pl.DataFrame  # a pair each: `fate` and `reason`, the filter that refused it or the source it was chosen for
    queries: Mapping[str, str]  # texts by id, cut; empty if the dataset is not at hand
    documents: Mapping[str, str]
    n_queries: int  # that were mined for
    hardest: Sequence[str]
    shown: Sequence[str]  # in this order

    key = "examples"
    title = "Examples"

    @property
    def lead(self) -> str:
        """How they were chosen."""
        n, hard = len(self.shown), len(self.hardest)
        if n >= self.n_queries:
            return f"All {n:,} queries, those whose negatives come closest to their positive first."
        return (
            f"{n:,} of {self.n_queries:,} queries: the {hard:,} whose negatives come closest to their weakest positive "
            f"or lie above it, and {n - hard:,} drawn at random."
        )

    def frame(self) -> pl.DataFrame:
        """One row a shown pair, as `rows`."""
        return self.rows

    def as_dict(self) -> dict[str, Any]:
        """Give what the page's browser needs, short names for what is repeated."""
        ranks = [name for name in self.rows.columns if name.startswith("rank.")]
        scores = [name for name in self.rows.columns if name.startswith("score.")]
        extra = [name for name in ("teacher_score", "p_positive") if name in self.rows.columns]
        sources = list(dict.fromkeys(name.partition(".")[2] for name in (*ranks, *scores)))
        entries = []
        for (stage, query_id), part in self.rows.group_by("stage", "query_id", maintain_order=True):
            pairs = [
                {
                    "d": row["doc_id"],
                    "f": row["fate"],
                    "r": row["reason"],
                    "k": [row.get(f"rank.{name}") for name in sources],
                    "s": [_short(row.get(f"score.{name}")) for name in sources],
                    **{key[0]: _short(row[key]) for key in extra if row[key] is not None},
                }
                for row in part.iter_rows(named=True)
            ]
            entries.append({"q": query_id, "stage": stage, "hard": query_id in self.hardest, "pairs": pairs})
        return {
            "sources": sources,
            "queries": dict(self.queries),
            "documents": dict(self.documents),
            "entries": entries,
        }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def pick_queries(
    negatives: pl.LazyFrame, candidates: pl.LazyFrame, *, caps: Caps, seed: int
) -> tuple[list[str], list[str], int]:
    """Choose queries to read: the hardest first, then those drawn, in the order of the file; and count all."""
    everyone = candidates.select(pl.col("query_id").unique(maintain_order=True)).collect()["query_id"]
    relative = (pl.col("score") - pl.col("positive_score")) / pl.col("positive_score").abs()
    close = (
        negatives.select("query_id", hardness=pl.when(relative.is_finite()).then(relative))
        .group_by("query_id")
        .agg(pl.col("hardness").max())
        .drop_nulls()
        .sort("hardness", "query_id", descending=[True, False])
        .head(caps.hardest)
        .collect()["query_id"]
        .to_list()
    )
    others = everyone.filter(~everyone.is_in(close))
    drawn = _drawn(len(others), caps.sampled, seed)
    return close, others.gather(drawn).to_list(), len(everyone)


def _drawn(n: int, wanted: int, seed: int) -> Int64[np.ndarray, " drawn"]:
    return np.sort(np.random.default_rng(seed).permutation(n)[:wanted]).astype(np.int64)


def rows_of(
    candidates: pl.LazyFrame, negatives: pl.LazyFrame, wanted: Sequence[str], *, stage: str = ""
) -> pl.DataFrame:
    """Collect the pairs of some queries: positives, negatives, the hardest refused, and some kept."""
    place = pl.DataFrame({"query_id": wanted}, schema={"query_id": pl.String}).with_row_index("_place")
    chosen = negatives.select(*_PAIR, pl.col("source").alias("_source"))
    rows = (
        candidates.join(place.lazy(), on="query_id")
        .join(chosen.unique(_PAIR, keep="first", maintain_order=True), on=_PAIR, how="full", coalesce=True)
        .with_columns(
            pl.col("_place").fill_null(
                pl.col("query_id").replace_strict(
                    dict(zip(wanted, range(len(wanted)), strict=True)), default=None, return_dtype=pl.UInt32
                )
            )
        )
        .filter(pl.col("_place").is_not_null())
        .collect()
    )
    ranks = [name for name in rows.columns if name.startswith("rank.")]
    scores = [name for name in rows.columns if name.startswith("score.")]
    estimates = [name for name in ("teacher_score", "p_positive") if name in rows.columns]
    fate = (
        pl.when(pl.col("_source").is_not_null())
        .then(pl.lit("negative"))
        .when(pl.col("dropped_by") == "known_positives")
        .then(pl.lit("positive"))
        .when(pl.col("dropped_by").is_not_null())
        .then(pl.lit("refused"))
        .otherwise(pl.lit("kept"))
    )
    order = pl.Enum(["positive", "negative", "refused", "kept"])
    best = pl.min_horizontal(*ranks) if ranks else pl.lit(1)
    most = pl.col("fate").replace_strict(
        {"positive": _POSITIVES, "negative": _NEGATIVES, "refused": _REFUSED, "kept": _KEPT}, return_dtype=pl.Int64
    )
    return (
        rows.with_columns(fate=fate, stage=pl.lit(stage), reason=pl.coalesce("_source", "dropped_by"), _best=best)
        .with_columns(_order=pl.col("fate").cast(order))
        .sort("_place", "_order", "_best", "doc_id", nulls_last=True)
        .filter(pl.int_range(pl.len()).over("_place", "_order") < most)
        .select("stage", *_PAIR, "fate", "reason", *ranks, *scores, *estimates)
    )


def examples(
    rows: pl.DataFrame,
    texts: "Mapping[str, pl.DataFrame] | None",
    *,
    hardest: Sequence[str],
    n_queries: int,
    caps: Caps,
) -> Examples:
    """Put texts to the pairs, and leave out what would make the page too large."""
    shown = rows["query_id"].unique(maintain_order=True).to_list()
    if texts is None:
        return Examples(rows, {}, {}, n_queries, [each for each in hardest if each in set(shown)], shown)
    queries, documents = _texts(texts["queries"], rows["query_id"]), _texts(texts["documents"], rows["doc_id"])
    size, kept, seen = 0, list[str](), set[str]()
    documents_of = dict(rows.group_by("query_id", maintain_order=True).agg("doc_id").iter_rows())
    for query_id in shown:
        new = set(documents_of[query_id]) - seen
        size += _bytes(queries, [query_id]) + _bytes(documents, new) + _PAIR_BYTES * len(documents_of[query_id])
        if size > caps.size:
            break
        kept.append(query_id)
        seen |= new
    rows = rows.filter(pl.col("query_id").is_in(kept))
    return Examples(
        rows,
        {name: text for name, text in queries.items() if name in set(kept)},
        {name: text for name, text in documents.items() if name in seen},
        n_queries,
        [each for each in hardest if each in set(kept)],
        kept,
    )


def _bytes(texts: Mapping[str, str], ids: Iterable[str]) -> int:
    return sum(len(texts.get(each, "").encode()) + 2 * len(each.encode()) for each in ids)


def _texts(table: pl.DataFrame, ids: pl.Series) -> dict[str, str]:
    wanted = table.filter(pl.col("id").is_in(ids.unique().implode())).select("id", "text")
    return {name: text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…" for name, text in wanted.iter_rows()}
