"""NeMo Automodel: documents by id beside a corpus, or inline."""

import json
from collections.abc import Iterator, Mapping

import polars as pl

from hardneg.exports import texts
from hardneg.exports.block import ID, SCORE, TEXT, Block
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files

TRAIN = "train.json"


def by_id(block: Block) -> Files:
    """Give questions with `pos_doc` and `neg_doc` by id, as members of one JSON document."""
    scored = [SCORE] if block.chosen.scores else []
    table = block.by_query({"pos_doc": pl.struct(ID.alias("id"))}, {"neg_doc": pl.struct(ID.alias("id"), *scored)})
    named = table.rename({"query_id": "question_id", "query": "question"})
    return {TRAIN: named.with_columns(corpus_id=pl.lit(block.chosen.dataset.name))}


def corpus(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give all documents."""
    return (("corpus/train.parquet", each) for each in texts.documents(chosen, key="id", text="text"))


def about(chosen: Chosen) -> Mapping[str, str]:
    """Name the corpus."""
    metadata = {"class": "TextQADataset", "corpus_id": chosen.dataset.name}
    return {"corpus/merlin_metadata.json": json.dumps(metadata) + "\n"}


def head() -> str:
    """Begin the JSON document: where the corpus lies, as seen from the file."""
    return '{"corpus": [{"path": "corpus"}], "data": '


def inline(block: Block) -> Files:
    """Give `query`, `pos_doc` and `neg_doc` as texts; with ids as objects, whose ids the loader drops."""
    ids = block.chosen.ids
    document = pl.struct(ID.alias("id"), TEXT) if ids else TEXT
    table = block.by_query({"pos_doc": document}, {"neg_doc": document})
    return {"": table.rename({"query_id": "question_id"}) if ids else table.drop("query_id")}
