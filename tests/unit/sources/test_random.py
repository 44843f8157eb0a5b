import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError
from hardneg.sources import Random, identity


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


def weighted(values):
    data = dataset(len(values))
    return Dataset(data.queries, data.documents.with_columns(popularity=pl.Series(values)), data.qrels)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_weighted_draws_are_as_frequent_as_their_weights(power):
    values = [1.0, 2.0, 4.0, 8.0, 0.0]
    block = np.arange(2_500, dtype=np.int32)
    first = Random(weights="popularity", power=power).retrieve(weighted(values), block, 1)["document"].to_numpy()
    expected = np.array(values) ** power * (np.array(values) > 0)
    np.testing.assert_allclose(np.bincount(first, minlength=5) / 2_500, expected / expected.sum(), atol=0.03)


def test_the_second_weighted_draw_is_from_what_is_left():
    block = np.arange(2_500, dtype=np.int32)
    table = Random(weights="popularity").retrieve(weighted([1, 1, 98]), block, 2)
    after = table.filter((pl.col("rank") == 1) & (pl.col("document") == 2)).select("query")
    second = after.join(table.filter(pl.col("rank") == 2), on="query")["document"].to_numpy()
    np.testing.assert_allclose(np.bincount(second, minlength=2) / len(second), [0.5, 0.5], atol=0.05)


def test_what_weighs_nothing_is_never_drawn_and_smaller_depths_are_a_prefix():
    data, block = weighted([0, 3, 0, 5, 7, 1]), np.arange(50, dtype=np.int32)
    deep = Random(weights="popularity").retrieve(data, block, 10)
    assert sorted(deep["document"].unique().to_list()) == [1, 3, 4, 5]
    assert Random(weights="popularity").retrieve(data, block, 2).equals(deep.filter(pl.col("rank") <= 2))


def test_weights_that_are_not_there_or_no_weights_are_named():
    with pytest.raises(RecipeError, match=r"'popularty'.*did you mean 'popularity'"):
        Random(weights="popularty").retrieve(weighted([1, 2]), np.arange(1, dtype=np.int32), 1)
    with pytest.raises(DatasetError, match=r"1 of 2 documents .* the first: 'd1'"):
        Random(weights="popularity").metadata_digest(weighted([1, -2]))
    with pytest.raises(RecipeError, match="power"):
        Random(power=0.0)


def test_weights_are_part_of_what_decides_the_draws():
    one, other = weighted([1, 2]), weighted([1, 3])
    assert identity(Random(weights="popularity"), one) != identity(Random(weights="popularity"), other)
    assert identity(Random(), one) == identity(Random(), other)
