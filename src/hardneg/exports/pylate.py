"""PyLate's distillation: lists of ids and scores beside the texts."""

from collections.abc import Iterator, Mapping

import polars as pl

from hardneg.exports import texts
from hardneg.exports.block import ID, SCORE, Block
from hardneg.exports.cards import card
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files


def distillation(block: Block) -> Files:
    """Give `query_id`, `document_ids` and `scores`, the positive first: `n_ways` cuts what stands behind."""
    table = block.by_positive({"id": ID, "of": SCORE}, {"ids": ID, "scores_of": SCORE})
    both = [pl.concat_list("id", "ids").alias("document_ids"), pl.concat_list("of", "scores_of").alias("scores")]
    return {"train.parquet": table.select("query_id", *both)}


def both_texts(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the queries that have a row, and all documents."""
    yield "queries.parquet", texts.queries(chosen, key="query_id", text="text")
    for each in texts.documents(chosen, key="document_id", text="text"):
        yield "documents.parquet", each


def about(_: Chosen) -> Mapping[str, str]:
    """Say which file is which set, as `load_dataset(FOLDER, "queries")` asks."""
    return {"README.md": card({name: {"train": f"{name}.parquet"} for name in ("train", "queries", "documents")})}
