"""Documents, queries and labels as files of their own, by parts."""

from collections.abc import Iterator

import polars as pl

from hardneg.exports.chosen import Chosen

_BYTES = 16 * 2**20


def documents(chosen: Chosen, *, key: str, text: str, title: str | None = None) -> Iterator[pl.DataFrame]:
    """List all documents of the dataset: id and text, with the title before it unless it has a field of its own."""
    dataset = chosen.dataset
    texts = dataset.document_texts if title is None else dataset.documents["text"]
    number = texts.str.len_bytes().cast(pl.Int64).cum_sum() // _BYTES
    titles = dataset.documents["title"].fill_null("") if "title" in dataset.documents.columns else None
    for rows in pl.DataFrame({"block": number}).with_row_index("at").partition_by("block", maintain_order=True):
        first, n_rows = int(rows["at"][0]), rows.height
        columns = [dataset.documents["id"][first : first + n_rows].alias(key)]
        if title is not None:
            empty = pl.repeat("", n_rows, dtype=pl.String, eager=True)
            columns.append((empty if titles is None else titles[first : first + n_rows]).alias(title))
        yield pl.DataFrame([*columns, texts[first : first + n_rows].alias(text)])


def queries(chosen: Chosen, *, key: str, text: str) -> pl.DataFrame:
    """List the queries that have a row."""
    at = chosen.negatives["query"].unique(maintain_order=True)
    return pl.DataFrame(
        [chosen.dataset.queries["id"].gather(at).alias(key), chosen.dataset.query_texts.gather(at).alias(text)]
    )


def labels(chosen: Chosen, *, judged: bool = True) -> pl.DataFrame:
    """List the labels of the split for the queries that have a row: `query_id`, `doc_id` and `relevance`."""
    dataset = chosen.dataset
    rows = dataset.qrels.filter(pl.col("split") == chosen.split)
    rows = rows.join(chosen.pairs.select("query").unique(), on="query", how="semi", maintain_order="left")
    rows = rows if judged else rows.filter(pl.col("relevance") > 0)
    return dataset.with_ids(rows.select("query", "document", "relevance")).unique(
        ["query_id", "doc_id"], keep="first", maintain_order=True
    )
