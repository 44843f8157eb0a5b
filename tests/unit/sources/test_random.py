import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.sources import Random


def dataset(n_documents):
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(2_500)], "text": "a"}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": "b"}),
        pl.DataFrame({"query_id": ["q0"], "doc_id": ["d0"], "relevance": [1], "split": ["train"]}),
    )


def test_every_document_is_drawn_equally_often_at_every_rank():
    n_documents, queries = 50, np.arange(2_500, dtype=np.int32)
    for depth in (10, 40):
        table = Random(seed=1).retrieve(dataset(n_documents), queries, depth)
        counts = table.group_by("rank", "document").len().sort("rank", "document")["len"].to_numpy()
        expected = len(queries) / n_documents
        chi_square = ((counts - expected) ** 2 / expected).reshape(depth, n_documents).sum(axis=1)
        assert chi_square.mean() < 60  # 49 degrees of freedom
        assert chi_square.max() < 95


def test_half_of_the_corpus_can_be_drawn_by_rejection():
    table = Random().retrieve(dataset(100), np.arange(1_100, dtype=np.int32), 50)
    assert table.group_by("query").agg(pl.col("document").n_unique())["document"].unique().to_list() == [50]


def test_seeds_and_queries_draw_differently():
    data, block = dataset(1_000), np.arange(3, dtype=np.int32)
    first = Random(seed=0).retrieve(data, block, 20)
    assert not first.equals(Random(seed=1).retrieve(data, block, 20))
    by_query = first.group_by("query", maintain_order=True).agg("document")["document"].to_list()
    assert len({tuple(documents) for documents in by_query}) == 3


def test_depth_beyond_the_corpus_draws_all_of_it(tiny):
    table = Random().retrieve(tiny, np.array([2], dtype=np.int32), 100)
    assert sorted(table["document"].to_list()) == list(range(8))
    assert table["score"].is_null().all()
