"""ms-swift: queries and documents as chats."""

import polars as pl

from hardneg.exports.block import TEXT, Block
from hardneg.exports.form import Files


def _chat(role: str, text: pl.Expr) -> pl.Expr:
    return pl.concat_list(pl.struct(role=pl.lit(role), content=text))


def embedding(block: Block) -> Files:
    """Give a line for each positive, since the loader takes exactly one."""
    document = _chat("user", TEXT)
    table = block.by_positive({"positive_messages": document}, {"negative_messages": document}).with_row_index("row")
    lists = table.group_by("row", maintain_order=True).agg("positive_messages")["positive_messages"]
    asked = _chat("user", pl.col("query")).alias("messages")
    return {"": table.select(asked, lists, "negative_messages")}


def reranker(block: Block) -> Files:
    """Give a line for each query with all its positives; documents speak as the assistant."""
    documents = _chat("assistant", TEXT)
    table = block.by_query({"positive_messages": documents}, {"negative_messages": documents})
    return {"": table.select(_chat("user", pl.col("query")).alias("messages"), pl.exclude("query_id", "query"))}
