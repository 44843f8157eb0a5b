"""Tevatron v2: documents by id beside a corpus, and its legacy layout with passages in place."""

from collections.abc import Iterator

import polars as pl

from hardneg.exports import texts
from hardneg.exports.block import ID, SCORE, TEXT, Block
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files


def by_id(block: Block) -> Files:
    """Give `query_id`, `query_text` and the ids of documents."""
    table = block.by_query({"positive_document_ids": ID}, {"negative_document_ids": ID})
    return {"train.jsonl": table.rename({"query": "query_text"})}


def corpus(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give all documents: the loader reads `text`, not the `document_text` of its README, and no title."""
    return (("corpus.jsonl", each) for each in texts.documents(chosen, key="docid", text="text"))


def legacy(block: Block) -> Files:
    """Give `query_id`, `query` and passages as objects; the loader puts the title, if there is one, before the text."""
    has_title = "title" in block.chosen.dataset.documents.columns
    parts = [ID.alias("docid"), *([pl.col("title"), pl.col("body").alias("text")] if has_title else [TEXT])]
    parts += [SCORE] if block.chosen.scores else []
    return {"": block.by_query({"positive_passages": pl.struct(parts)}, {"negative_passages": pl.struct(parts)})}
