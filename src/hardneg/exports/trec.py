"""TREC: the negatives as a run, the labels as qrels."""

from collections.abc import Iterator

import polars as pl

from hardneg.evaluation.trec import strictly_falling
from hardneg.exports import texts
from hardneg.exports.block import Block
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files
from hardneg.runs import layout


def _token(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(r"\s", "%20")


def run(block: Block) -> Files:
    """Give `query_id Q0 doc_id rank score tag`, the tag being the source; without scores they are minus the rank."""
    chosen = block.chosen
    rows = block.negatives.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
    if chosen.scores:
        rows = rows.sort("query", pl.col("score"), descending=[False, True], maintain_order=True)
        rows = rows.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query"))
    score = rows["score"] if chosen.scores else -rows["rank"]
    falling = strictly_falling(score.cast(pl.Float32).to_numpy(), rows["rank"].to_numpy())
    source = pl.col("source").fill_null("mined") if "source" in rows.columns else pl.lit("mined")
    named = chosen.dataset.with_ids(rows.select("query", "document", "rank", source.alias("tag")))
    return {
        layout.RANKINGS: named.select(
            _token("query_id"),
            pl.lit("Q0").alias("q0"),
            _token("doc_id"),
            "rank",
            pl.Series("score", [str(value) for value in falling], dtype=pl.String),
            _token("tag"),
        )
    }


def qrels(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give `query_id 0 doc_id relevance`."""
    rows = texts.labels(chosen)
    yield (
        layout.QRELS,
        rows.select(_token("query_id"), pl.lit("0").alias("0"), _token("doc_id"), "relevance"),
    )
