"""Systems on development queries."""

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.evaluation.metrics import measure
from hardneg.evaluation.retrieval import evaluate
from hardneg.fits.baselines import Replayed
from hardneg.training.watch.sample import restrict


def ranked(scores, documents):
    """Rank documents of which the positions are given."""
    rows = [
        (f"q{query}", f"d{document}", rank, row[document])
        for query, row in enumerate(scores)
        for rank, document in enumerate(sorted(documents, key=lambda each, row=row: -row[each]), start=1)
    ]
    schema = {"query_id": pl.String, "doc_id": pl.String, "rank": pl.Int32, "score": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.parametrize("seed", range(3))
def test_a_system_among_fewer_documents_is_what_ranks_them_alone(seed):
    rng, n_queries, n_documents = np.random.default_rng(seed), 12, 60
    scores = rng.normal(size=(n_queries, n_documents))
    texts = [pl.DataFrame({"id": [f"{a}{i}" for i in range(n)], "text": [f"{a} {i}" for i in range(n)]}) for a, n in
             (("q", n_queries), ("d", n_documents))]  # fmt: skip
    qrels = pl.DataFrame(
        {
            "query_id": [f"q{query}" for query in range(n_queries)],
            "doc_id": [f"d{query * 2}" for query in range(n_queries)],
            "relevance": [1] * n_queries,
            "split": ["dev" if query % 3 else "test" for query in range(n_queries)],
        }
    )
    dataset = Dataset.from_tables(*texts, qrels)
    kept = np.union1d(rng.permutation(n_documents)[:20], np.arange(0, 2 * n_queries, 2)).astype(np.int32)
    small = restrict(dataset, dataset.queries_of("dev"), kept)
    labels, names = qrels.filter(split="dev").drop("split"), ["nDCG@10", "MRR@10"]
    whole = ranked(scores, range(n_documents))
    found = evaluate(small, Replayed("any", whole), split="dev", measures=names)
    alone = ranked(scores, kept.tolist()).filter(pl.col("query_id").is_in(labels["query_id"].implode()))
    keys = ["query_id", "rank", "doc_id"]
    assert found.run.select(keys).sort("query_id", "rank").equals(alone.select(keys).sort("query_id", "rank"))
    expected = measure(labels, alone, names=names)
    assert found.per_query.sort("query_id").equals(expected.sort("query_id"))
