"""A dataset with all that formats stumble over, its negatives, and what an export must say of them."""

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.negatives.selection import as_negatives


def odd_dataset() -> Dataset:
    """Ids that look like numbers, several positives, quotes, tabs, new lines, umlauts, titles, an empty one."""
    queries = pl.DataFrame({"id": ["007", "q b", "q2"], "text": ['say "hi"', "tab\there", "größe, naïve — 東京"]})
    documents = pl.DataFrame(
        {
            "id": ["0", "01", "d2", "d 3", "d4", "d5"],
            "title": ["Greeting", "Hello", "", "T", "Ω", "Last"],
            "text": ['"hi" there', "a\nb", "c\td, e", "true", "12", "\\u00e9 \\ back"],
        }
    )
    qrels = pl.DataFrame(
        {
            "query_id": ["007", "007", "q b", "q2"],
            "doc_id": ["0", "01", "d2", "d4"],
            "relevance": [1, 1, 1, 1],
            "split": ["train", "train", "train", "test"],
        }
    )
    return Dataset.from_tables(queries, documents, qrels, name="odd")


def odd_negatives() -> pl.DataFrame:
    """Two negatives for each training query, from two sources, with scores of one scale."""
    return as_negatives(
        pl.DataFrame(
            {
                "query": [0, 0, 1, 1],
                "document": [3, 2, 4, 5],
                "source": ["dense", "bm25", "dense", "bm25"],
                "rank": [1, 4, 2, 1],
                "score": [0.75, 0.25, 0.5, 0.125],
                "positive_score": [0.875, 0.875, 0.625, 0.625],
                "weight": [1.0] * 4,
            }
        )
    )


def meant(dataset: Dataset, negatives: pl.DataFrame, *, by: str = "text") -> set[tuple[str, str, str]]:
    """List (query, positive, negative) by text or by id."""
    query = (dataset.query_texts if by == "text" else dataset.queries["id"]).to_list()
    document = (dataset.document_texts if by == "text" else dataset.documents["id"]).to_list()
    pairs = list(zip(*map(list, dataset.pairs_of("train")), strict=True))
    mined = negatives.select("query", "document").rows()
    return {(query[q], document[p], document[n]) for q, p in pairs for asked, n in mined if asked == q}


def scores_meant(dataset: Dataset, negatives: pl.DataFrame, *, by: str = "text") -> dict[tuple[str, str], float]:
    """Give the score of each (query, negative)."""
    query = (dataset.query_texts if by == "text" else dataset.queries["id"]).to_list()
    document = (dataset.document_texts if by == "text" else dataset.documents["id"]).to_list()
    return {(query[q], document[d]): s for q, d, s in negatives.select("query", "document", "score").iter_rows()}


# What `hardneg.read_dataset` reads, and the options that it needs; of BEIR's and MTEB's folders the labels alone.
READ_BACK: dict[str, dict[str, str]] = {
    **{name: {} for name in ("triplet", "n-tuple", "labeled-pair", "labeled-list", "flagembedding", "pylate")},
    **{name: {} for name in ("flagembedding-reranker", "tevatron-legacy", "ms-swift", "ms-swift-reranker")},
    **{name: {} for name in ("nemo-inline", "mteb", "beir", "parquet", "pylate-kd")},
    "tevatron": {"documents": "corpus.jsonl"},
}


def pairs_meant(dataset: Dataset, negatives: pl.DataFrame, form: str) -> set[tuple[str, str, bool]]:
    """List (query, document, whether it answers) that a form holds."""
    triples = meant(dataset, negatives)
    mined = set() if form in ("mteb", "beir") else {(query, n, False) for query, _, n in triples}
    return {(query, p, True) for query, p, _ in triples} | mined
