"""Folders that are evaluated on: BEIR's, and MTEB's with the candidates that a reranker is given."""

from collections.abc import Iterator, Mapping

import polars as pl

from hardneg.exports import texts
from hardneg.exports.block import Block
from hardneg.exports.cards import card
from hardneg.exports.chosen import Chosen
from hardneg.exports.form import Files

_LABELS = {"query_id": "query-id", "doc_id": "corpus-id", "relevance": "score"}


def _top_ranked(block: Block) -> pl.DataFrame:
    """List positives and negatives of each query in the order of the corpus, which tells nothing of the labels."""
    rows = (
        pl.concat([block.pairs.select("query", document="positive"), block.negatives.select("query", "document")])
        .unique()
        .sort("query", "document")
    )
    named = block.chosen.dataset.with_ids(rows)
    lists = named.group_by("query_id", maintain_order=True).agg("doc_id")
    return lists.rename({"query_id": "query-id", "doc_id": "corpus-ids"})


def mteb(block: Block) -> Files:
    """Give `top_ranked`."""
    return {f"top_ranked/{block.chosen.split}.parquet": _top_ranked(block)}


def mteb_texts(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give the configurations `corpus`, `queries` and `qrels`."""
    split = chosen.split
    for each in texts.documents(chosen, key="_id", title="title", text="text"):
        yield f"corpus/{split}.parquet", each
    yield f"queries/{split}.parquet", texts.queries(chosen, key="_id", text="text")
    yield f"qrels/{split}.parquet", texts.labels(chosen).rename(_LABELS)


def mteb_card(chosen: Chosen) -> Mapping[str, str]:
    """Name the configurations, as `load_dataset` and so MTEB ask for them."""
    split = chosen.split
    configs = {name: {split: f"{name}/{split}.parquet"} for name in ("corpus", "queries", "qrels", "top_ranked")}
    return {"README.md": card(configs)}


def beir(block: Block) -> Files:
    """Give `top_ranked`, which BEIR's loader does not look at."""
    return {f"top_ranked/{block.chosen.split}.jsonl": _top_ranked(block)}


def beir_texts(chosen: Chosen) -> Iterator[tuple[str, pl.DataFrame]]:
    """Give `corpus.jsonl`, `queries.jsonl` and the labels of the split."""
    for each in texts.documents(chosen, key="_id", title="title", text="text"):
        yield "corpus.jsonl", each
    yield "queries.jsonl", texts.queries(chosen, key="_id", text="text")
    yield f"qrels/{chosen.split}.tsv", texts.labels(chosen).rename(_LABELS)
