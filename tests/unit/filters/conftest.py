import polars as pl
import pytest


@pytest.fixture
def candidates() -> pl.DataFrame:
    """Candidates over `tiny`: q0 has one positive (d0), q1 two (d1, d4) and q2 one without scores."""
    rows = [
        # query, document, rank.bm25, score.bm25, rank.dense, score.dense
        (0, 0, 1, 9.0, 2, 0.80),
        (0, 5, 2, 9.0, 1, 0.80),
        (0, 6, None, 3.0, 3, 0.77),
        (0, 7, 3, 8.8, 4, 0.79),
        (1, 0, 1, 7.0, None, 0.10),
        (1, 1, None, 2.0, 1, 0.90),
        (1, 4, None, 4.0, 5, 0.50),
        (1, 6, None, None, 3, 0.49),
        (2, 1, 1, 2.0, None, None),
        (2, 2, None, None, None, None),
    ]
    schema = {
        "query": pl.Int32,
        "document": pl.Int32,
        "rank.bm25": pl.Int32,
        "score.bm25": pl.Float32,
        "rank.dense": pl.Int32,
        "score.dense": pl.Float32,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
