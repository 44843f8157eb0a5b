from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg.domains.recommender.build import interactions_dataset
from hardneg.errors import DatasetError
from hardneg.evaluation.retrieval import evaluate
from hardneg.sources import Random
from interactions_toy import toy_events, toy_items


@pytest.fixture(scope="module")
def dataset():
    return interactions_dataset(toy_events(), toy_items(), min_rating=3)[0]


@dataclass(frozen=True)
class ByPosition:
    name: str = "by_position"

    def retrieve(self, dataset, block, depth):
        found = [(q, d, d + 1, -float(d)) for q in block.tolist() for d in range(min(depth, dataset.n_documents))]
        schema = {"query": pl.Int32, "document": pl.Int32, "rank": pl.Int32, "score": pl.Float32}
        return pl.DataFrame(found, schema=schema, orient="row")


@pytest.mark.parametrize("block_size", [1, 4096])
def test_what_a_split_labels_is_left_out_and_the_rest_moves_up(dataset, block_size):
    found = evaluate(dataset, ByPosition(), exclude="seen", depth=10, block_size=block_size)
    seen = {}
    for query, document in dataset.qrels.filter(pl.col("split") == "seen").select("query", "document").iter_rows():
        seen.setdefault(dataset.queries["id"][query], set()).add(dataset.documents["id"][document])
    for query, rows in found.run.group_by("query_id"):
        expected = [each for each in dataset.documents["id"] if each not in seen[query[0]]][:10]
        assert rows.sort("rank")["doc_id"].to_list() == expected
        assert rows.sort("rank")["rank"].to_list() == list(range(1, 11))


def test_a_split_that_is_not_there_is_named(dataset):
    with pytest.raises(DatasetError, match="no split 'met' to exclude; it has: train, dev, test, seen"):
        evaluate(dataset, ByPosition(), exclude="met")


def test_a_split_that_holds_answers_cannot_be_excluded(dataset):
    with pytest.raises(DatasetError, match="could never be found"):
        evaluate(dataset, ByPosition(), exclude="test")


def test_items_get_a_hit_rate_and_what_is_shown_is_counted(dataset):
    found = evaluate(dataset, ByPosition(), depth=10)
    assert found.metrics["HR@10"] == pytest.approx(found.metrics["Recall@10"])
    popularity = dataset.documents["popularity"].to_numpy()
    assert found.shown.coverage == pytest.approx(10 / dataset.n_documents)
    assert found.shown.popularity == pytest.approx(popularity[:10].mean())
    _, document = dataset.pairs_of("test")
    assert found.shown.popularity_of_answers == pytest.approx(np.mean(popularity[document]))


def test_datasets_without_popularity_show_nothing_of_it(tiny):
    found = evaluate(tiny, Random(), split="train")
    assert found.shown is None
    assert "HR@10" not in found.metrics
