import polars as pl
import pytest

from hardneg.data.dataset import Dataset


@pytest.fixture
def ten() -> Dataset:
    """2 queries, 10 documents; d0 answers q0, d1 and d2 answer q1; d9 repeats the text of d8."""
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1"], "text": ["zero", "one"]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(10)], "text": [f"text {min(i, 8)}" for i in range(10)]}),
        pl.DataFrame({"query_id": ["q0", "q1", "q1"], "doc_id": ["d0", "d1", "d2"], "relevance": 1, "split": "train"}),
    )


@pytest.fixture
def candidates() -> pl.DataFrame:
    """Filtered candidates over `ten`: BM25 and dense overlap in d4, d6 is dropped, random scores nothing."""
    rows = [
        # query, document, rank.bm25, score.bm25, rank.dense, score.dense, rank.random, dropped_by
        (0, 0, 1, 9.0, 1, 0.9, None, "known_positives"),
        (0, 3, 2, 8.0, None, 0.3, None, None),
        (0, 4, 3, 7.0, 3, 0.7, None, None),
        (0, 5, None, 1.0, 4, 0.6, None, None),
        (0, 6, None, 0.0, 2, 0.88, None, "positive_margin"),
        (0, 7, None, 0.5, None, 0.1, 1, None),
        (1, 1, None, 2.0, 1, 0.8, None, "known_positives"),
        (1, 2, None, 4.0, 2, 0.5, None, "known_positives"),
        (1, 8, 1, 3.0, None, 0.2, 1, None),
        (1, 9, 2, 3.0, None, 0.2, 2, None),
    ]
    schema = {
        "query": pl.Int32,
        "document": pl.Int32,
        "rank.bm25": pl.Int32,
        "score.bm25": pl.Float32,
        "rank.dense": pl.Int32,
        "score.dense": pl.Float32,
        "rank.random": pl.Int32,
        "dropped_by": pl.String,
    }
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.with_columns(pl.lit(None, dtype=pl.Float32).alias("score.random"))
