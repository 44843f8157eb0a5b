"""Documents that teach nothing as a negative: empty ones, and the text of the query itself."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32, Integer

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.text import is_blank, normalised


@of_texts(keep=1, sent=True)
def empty_documents(dataset: Dataset) -> Bool[np.ndarray, " documents"]:
    """Mark the documents with neither title nor text."""
    return pl.DataFrame({"text": dataset.document_texts}).select(is_blank(pl.col("text"))).to_series().to_numpy()


def repeats_query(
    dataset: Dataset, query: Integer[np.ndarray, " rows"], document: Integer[np.ndarray, " rows"]
) -> Bool[np.ndarray, " rows"]:
    """Mark pairs in which the document says what the query says, word for word.

    Texts are compared normalised (Unicode NFKC, case, white space), with the document's title and without it.
    """
    whole, body = _query_text_of_documents(dataset)
    asked = dataset.query_text_group[query]
    return (whole[document] == asked) | (body[document] == asked)


def own_texts(
    dataset: Dataset, queries: Int32[np.ndarray, " some"] | None = None
) -> tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]:
    """List the documents that say what a query says, answers by their labels aside."""
    looked_at = np.arange(dataset.n_queries, dtype=np.int32) if queries is None else queries
    asked = pl.DataFrame({"query": looked_at, "group": dataset.query_text_group[looked_at]})
    texts = [pl.DataFrame({"group": each}).with_row_index("document") for each in _query_text_of_documents(dataset)]
    documents = pl.concat(texts).filter(pl.col("group") >= 0).unique().cast({"document": pl.Int32})
    pairs = asked.join(documents, on="group").select("query", "document").sort("query", "document")
    query, document = pairs["query"].to_numpy(), pairs["document"].to_numpy()
    other = ~dataset.is_answer(query, document)
    return query[other], document[other]


@of_texts(keep=1, sent=True)
def _query_text_of_documents(
    dataset: Dataset,
) -> tuple[Int32[np.ndarray, " documents"], Int32[np.ndarray, " documents"]]:
    """Number the documents as the queries of the same text are numbered, by all they say and by their text; else -1."""
    asked = _normalised(dataset.query_texts).with_columns(group=pl.Series(dataset.query_text_group))
    asked = asked.filter(~is_blank(pl.col("text"))).unique("text")
    texts = [dataset.document_texts]
    texts += [dataset.documents["text"]] if "title" in dataset.documents.columns else []
    groups = [
        _normalised(each).join(asked, on="text", how="left", maintain_order="left")["group"].fill_null(-1).to_numpy()
        for each in texts
    ]
    return groups[0], groups[-1]


def compare_with_queries(dataset: Dataset) -> None:
    """Find the documents that say what some query says, which `repeats_query` and `own_texts` look up."""
    _query_text_of_documents(dataset)


def _normalised(texts: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"text": texts}).select(normalised(pl.col("text").fill_null("")))
