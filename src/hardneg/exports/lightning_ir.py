"""lightning-ir: a run with relevance and texts, so that no dataset need be registered."""

import polars as pl

from hardneg.exports.block import ID, TEXT, Block
from hardneg.exports.form import Files


def run(block: Block) -> Files:
    """Give a row for each document of a query, positives first; ranks from 1, as `depth` counts them."""
    scored = [pl.col("score")] if block.chosen.scores else []
    both = pl.concat(
        [
            block.positives(ID, TEXT, pl.lit(1).alias("relevance"), *scored),
            block.refused(ID, TEXT, pl.lit(0).alias("relevance"), *scored),
        ]
    ).sort("query", maintain_order=True)
    dataset, at = block.chosen.dataset, both["query"]
    rank = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("query")
    return {
        "": both.select(
            dataset.queries["id"].gather(at).alias("query_id"),
            "doc_id",
            rank.alias("rank"),
            *(["score"] if scored else []),
            "relevance",
            dataset.query_texts.gather(at).alias("query"),
            "text",
        )
    }
