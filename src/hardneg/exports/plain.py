"""One Parquet file with all that is known of each positive and negative."""

import polars as pl

from hardneg.exports.block import ID, TEXT, Block
from hardneg.exports.form import Files
from hardneg.negatives.selection import NEGATIVES_SCHEMA

_KNOWN = [name for name in NEGATIVES_SCHEMA if name not in ("query", "document")]


def rows(block: Block) -> Files:
    """Give `query_id`, `query`, `document_id`, `document`, `label`, then what mining knows; null for positives."""
    present = [name for name in _KNOWN if name in block.negatives.columns]
    positives = block.positives(ID, TEXT, pl.lit(1).alias("label"))
    negatives = block.refused(ID, TEXT, pl.lit(0).alias("label"), *(pl.col(name) for name in present))
    both = pl.concat([positives, negatives], how="diagonal").sort("query", maintain_order=True)
    dataset, at = block.chosen.dataset, both["query"]
    return {
        "": both.select(
            dataset.queries["id"].gather(at).alias("query_id"),
            dataset.query_texts.gather(at).alias("query"),
            pl.col("doc_id").alias("document_id"),
            pl.col("text").alias("document"),
            "label",
            *present,
        )
    }
