"""Negatives by the source that gave them: the layout of sbert's MS MARCO negatives, and that of GPL."""

from collections.abc import Iterator

import polars as pl

from hardneg.exports import texts
from hardneg.exports.block import ID, SCORE, Block
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files

SOURCELESS = "mined"  # the source of negatives that do not say theirs


def scored(block: Block) -> Files:
    """Give `qid`, `pos` and `neg` by source, each document with its `ce-score`.

    lightning-ir looks each source up in each line, so all stand in each.
    """
    return {"docpairs.jsonl": _by_source(block, pl.struct(ID.alias("pid"), SCORE.alias("ce-score")))}


def gpl(block: Block) -> Files:
    """Give `qid`, `pos` and `neg` by source, as ids."""
    return {"hard-negatives.jsonl": _by_source(block, ID)}


def _by_source(block: Block, document: pl.Expr) -> pl.DataFrame:
    chosen = block.chosen
    table = block.by_query({"pos": document}, {})
    queries = block.pairs.select("query").unique(maintain_order=True)
    has_source = "source" in chosen.negatives.columns
    source = pl.col("source").fill_null(SOURCELESS) if has_source else pl.lit(SOURCELESS)
    names = chosen.negatives.select(source.alias("source"))["source"].unique().sort()
    flat = block.refused(source.alias("source"), document.alias("neg"))
    columns = []
    for name in names:
        lists = flat.filter(pl.col("source") == name).group_by("query").agg("neg")
        aligned = queries.join(lists, on="query", how="left", maintain_order="left")["neg"]
        columns.append(aligned.fill_null([]).alias(name))
    neg = pl.DataFrame(columns).to_struct("neg")
    return table.select(pl.col("query_id").alias("qid"), "pos", neg)


def texts_of_docpairs(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give queries and documents by the names that lightning-ir registers them under."""
    yield "queries.jsonl", texts.queries(chosen, key="query_id", text="text")
    for each in texts.documents(chosen, key="doc_id", text="text"):
        yield "docs.jsonl", each


def texts_of_gpl(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give corpus, queries and labels as GPL's folder of generated data has them."""
    for each in texts.documents(chosen, key="_id", title="title", text="text"):
        yield "corpus.jsonl", each
    yield "qgen-queries.jsonl", texts.queries(chosen, key="_id", text="text")
    rows = texts.labels(chosen, judged=False)
    yield "qgen-qrels/train.tsv", rows.rename({"query_id": "query-id", "doc_id": "corpus-id", "relevance": "score"})
