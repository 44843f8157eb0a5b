"""A dataset that is large enough to train on and small enough to train on in a second."""

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset

_WORDS = [f"{first}{second}" for first in "bdgkl" for second in "aeiou"]


def toy_dataset() -> Dataset:
    """24 queries, 40 documents of very different length; six queries have two positives."""
    rng = np.random.default_rng(0)
    pairs = [(i, i) for i in range(24)] + [(i, 24 + i) for i in range(6)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(24)], "text": [_text(rng, 4) for _ in range(24)]}),
        pl.DataFrame(
            {"id": [f"d{i}" for i in range(40)], "text": [_text(rng, rng.integers(2, 30)) for _ in range(40)]}
        ),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in pairs],
                "doc_id": [f"d{d}" for _, d in pairs],
                "relevance": [1] * len(pairs),
                "split": ["train"] * len(pairs),
            }
        ),
        name="toy",
    )


def toy_negatives(*, per_query: int = 3) -> pl.DataFrame:
    """Documents that answer no query, for all queries but the last."""
    rng = np.random.default_rng(1)
    rows = [(query, int(document)) for query in range(23) for document in rng.permutation(range(30, 40))[:per_query]]
    return pl.DataFrame(rows, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")


def _text(rng: np.random.Generator, length: int) -> str:
    return " ".join(rng.choice(_WORDS, length))


def toy_scores():
    """Raw scores of a teacher for every pair of the toy dataset."""
    toy = toy_dataset()
    queries, documents = (
        pl.DataFrame({name: range(n)}) for name, n in (("query", toy.n_queries), ("document", toy.n_documents))
    )
    pairs = queries.join(documents, how="cross").cast(pl.Int32)
    score = ((pl.col("query") * 7 + pl.col("document") * 3) % 11 - 5).cast(pl.Float32)
    return pairs.with_columns(teacher=pl.lit("toy"), score=score)
