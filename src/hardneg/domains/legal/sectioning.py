"""A dataset whose documents are sections of laws, contracts or rulebooks."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.metadata import as_text, required_column
from hardneg.domains.legal.sections import PREAMBLE, pieces, split_sections
from hardneg.errors import DatasetError
from hardneg.search.legal_text import defined_terms, rule_of, section_path

_PARTS: dict[str, type[pl.DataType] | pl.DataType] = {
    "id": pl.String,
    "text": pl.String,
    "document": pl.String,
    "section": pl.String,
    "section_path": pl.List(pl.String),
    "parent": pl.String,
    "part": pl.Int32,
    "terms": pl.List(pl.String),
}


def by_section(
    dataset: Dataset,
    *,
    document: str | None = None,
    section: str | None = None,
    max_words: int = 200,
    overlap: int = 1,
) -> Dataset:
    """Cut documents by their structure, and write down what they are sections of.

    A label says that a document answers a query, not which of its sections does. It goes to the section that shares
    most words with the query, rare ones first; the others stay unlabelled, and those of the same rule should not serve
    as negatives (`shared_value` on `parent`).
    """
    if max_words < 20 or overlap < 0:
        raise DatasetError(
            f"sections of {max_words} words with {overlap} overlapping: give 20 words or more, and 0 or more"
        )
    for name, column in (("document", document), ("section", section)):
        if column is not None:
            required_column(dataset, column, asked_by=f"sections: {name}", plain=True, allow_missing=False)
    texts = dataset.documents.with_columns(
        _document=as_text(dataset.documents[document or "id"]),
        _section=as_text(dataset.documents[section]) if section else pl.lit(None, dtype=pl.String),
    )
    rows = [part | {"_of": at} for at, row in enumerate(texts.to_dicts()) for part in _parts(row, max_words, overlap)]
    table = pl.DataFrame(rows, schema={"_of": pl.UInt32, **_PARTS})
    kept = dataset.documents.drop(*_PARTS, strict=False).with_row_index("_of")
    documents = table.join(kept, on="_of", how="left", maintain_order="left")
    labels = _labels(dataset, documents)
    built = Dataset.from_tables(dataset.queries, documents.drop("_of"), labels, name=dataset.name)
    return replace(built, skipped=dataset.skipped)


def _parts(row: dict[str, Any], max_words: int, overlap: int) -> Iterator[dict[str, Any]]:
    text, document = row["text"] or "", row["_document"]
    if row["_section"] is None:
        found = [(each.number, each.path, each.text) for each in split_sections(text)] or [(PREAMBLE, [PREAMBLE], text)]
    else:
        path = section_path(row["_section"])
        found = [(path[-1], path, text)]
    cut = [(each, pieces(each[2], max_words=max_words, overlap=overlap)) for each in found]
    alone = sum(len(parts) for _, parts in cut) == 1
    counter = 0
    for (number, path, _), parts in cut:
        for part, piece in enumerate(parts, start=1):
            counter += 1
            yield {
                "id": row["id"] if alone else f"{row['id']}#{counter}",
                "text": piece,
                "document": document,
                "section": number,
                "section_path": path,
                "parent": f"{document} {rule_of(path)}",
                "part": 0 if len(parts) == 1 else part,
                "terms": defined_terms(piece),
            }


def _labels(dataset: Dataset, documents: pl.DataFrame) -> pl.DataFrame:
    """Give a positive label to the part that shares most with the query, any other to all parts."""
    parts = documents.select(pl.col("_of").cast(pl.Int32).alias("document"), doc_id="id", at=pl.int_range(pl.len()))
    labels = dataset.qrels.with_row_index("label").join(parts, on="document", how="left", maintain_order="left")
    unsure = labels.filter(pl.col("relevance") > 0, pl.len().over("label") > 1).select("query", "at").unique()
    labels = labels.join(
        _shared_words(dataset.query_texts, documents["text"], unsure), on=["query", "at"], how="left"
    ).sort("label", pl.col("shared").fill_null(0.0), "at", descending=[False, True, False])
    first = pl.int_range(pl.len()).over("label") == 0
    query_id = dataset.queries["id"].gather(labels["query"]).alias("query_id")
    kept = labels.with_columns(query_id).filter(first | (pl.col("relevance") <= 0))
    return kept.select("query_id", "doc_id", "relevance", "split")


def _shared_words(queries: pl.Series, texts: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """Sum, for each pair of a query and a text, the rareness of the words that they share: log 1/share of texts."""
    of_text, of_query = _words(texts, "at"), _words(queries, "query", only=pairs["query"])
    rareness = of_text.group_by("word").agg(rareness=(len(texts) / pl.len()).log())
    both = pairs.join(of_query, on="query").join(of_text, on=["at", "word"]).join(rareness, on="word")
    return both.group_by("query", "at").agg(shared=pl.col("rareness").sum().round(9))  # sums have no fixed order


def _words(texts: pl.Series, row: str, *, only: pl.Series | None = None) -> pl.DataFrame:
    """List the words of each text, each once: columns `row` and `word`."""
    numbers = pl.Series(row, range(len(texts))) if only is None else only.unique().sort()
    words = texts.gather(numbers).alias("word").str.to_lowercase().str.extract_all(r"\w+").list.unique()
    return pl.DataFrame([numbers, words]).explode("word").drop_nulls()
