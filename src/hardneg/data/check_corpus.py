"""Findings about what stands in the corpus beside the answers: the queries themselves."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.findings import N_EXAMPLES, Finding
from hardneg.data.unfit import own_texts


def query_in_corpus(dataset: Dataset, *, split: str | None = None) -> Finding | None:
    """HN044: documents that say what a query says, word for word, and are not labelled as its answer."""
    queries = dataset.queries_of(split) if split is not None else None
    query, document = own_texts(dataset, queries)
    if not len(query):
        return None
    table = pl.DataFrame(
        {
            "query": query,
            "query_id": dataset.queries["id"].gather(query),
            "doc_id": dataset.documents["id"].gather(document),
        }
    )
    n_queries = table["query"].n_unique()
    n_same = table.filter(pl.col("query_id") == pl.col("doc_id"))["query"].n_unique()
    examples = table.select(pl.format("{} = {}", "query_id", "doc_id")).to_series().head(N_EXAMPLES)
    return Finding(
        "HN044",
        "warning",
        "the query is in the corpus",
        f"{n_queries:,} queries have their own text among the documents, {n_same:,} of them under their own id, and no "
        "label calls it an answer",
        "nothing to do for mining: such a document is never a negative (query_itself); evaluate leaves out the "
        "document with the query's id (--exclude identical), so give these documents the ids of their queries, or "
        "remove them",
        n_queries,
        tuple(examples),
    )
