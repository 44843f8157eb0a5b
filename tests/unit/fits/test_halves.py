"""Development queries in two halves, and the small corpus that a race looks at."""

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.fits.halves import MOST, Halves, asking, ids, small_corpus, with_queries_apart
from hardneg.ladders.splits import Splits


def dataset(n=40, *, documents=4_000, repeats=1):
    queries = pl.DataFrame({"id": [f"q{at}" for at in range(n)], "text": [f"query {at // repeats}" for at in range(n)]})
    texts = pl.DataFrame(
        {"id": [f"d{at}" for at in range(documents)], "text": [f"text {at}" for at in range(documents)]}
    )
    qrels = pl.DataFrame(
        {
            "query_id": queries["id"],
            "doc_id": [f"d{at}" for at in range(n)],
            "relevance": [1] * n,
            "split": ["train" if at % 4 == 0 else "dev" for at in range(n)],
        }
    )
    return Dataset.from_tables(queries, texts, qrels)


def test_halves_part_the_queries_of_the_split():
    data = dataset()
    halves = Halves.of(data, "dev", seed=0)
    both = np.concatenate([halves.race, halves.fresh])
    assert sorted(both) == data.queries_of("dev").tolist()
    assert abs(len(halves.race) - len(halves.fresh)) <= 1
    assert not np.array_equal(halves.race, Halves.of(data, "dev", seed=1).race)


def test_queries_of_equal_text_stay_together():
    data = dataset(160, repeats=2)
    halves = Halves.of(data, "dev", seed=0)
    groups = [set(data.query_text_group[half]) for half in (halves.race, halves.fresh)]
    assert groups[0].isdisjoint(groups[1])


def test_a_half_has_a_largest_size():
    halves = Halves.of(dataset(2_000), "dev", seed=0)
    assert len(halves.race) == len(halves.fresh) == MOST


def test_two_queries_of_one_text_are_parted_all_the_same():
    halves = Halves.of(dataset(4, repeats=4), "dev", seed=0)
    assert len(halves.race)
    assert len(halves.fresh)


def test_only_the_queries_that_are_asked_keep_their_labels():
    data = dataset()
    some = data.queries_of("dev")[:5]
    assert asking(data, "dev", some).queries_of("dev").tolist() == some.tolist()
    assert len(asking(data, "dev", some).queries_of("train")) == 10


def test_a_small_corpus_holds_answers_and_the_best_of_each_ranking():
    data, some = dataset(), dataset().queries_of("dev")[:6]
    run = pl.DataFrame(
        {
            "query_id": ["q1"] * 12 + ["q39"],
            "doc_id": [f"d{3_900 + at}" for at in range(12)] + ["d3950"],
            "rank": [*range(1, 13), 1],
        }
    )
    small = small_corpus(data, "dev", some, [run], seed=0)
    names = set(small.documents["id"])
    assert {f"d{at}" for at in range(3_900, 3_905)} <= names
    assert set(data.with_ids(data.qrels).filter(pl.col("query_id").is_in(ids(data, some).implode()))["doc_id"]) <= names
    assert small.n_documents == 1_000
    assert small.splits == ["dev"]
    assert small.queries["id"].to_list() == ids(data, some).to_list()


def test_most_of_a_corpus_is_taken_whole():
    data = dataset(documents=1_500)
    run = pl.DataFrame({"query_id": ["q1"], "doc_id": ["d7"], "rank": [1]})
    assert small_corpus(data, "dev", data.queries_of("dev")[:4], [run], seed=0).n_documents == 1_500


def test_queries_of_several_splits_are_trained_on_in_none():
    n = 12
    queries = pl.DataFrame({"id": [f"q{at}" for at in range(n)], "text": [f"query {at % 9}" for at in range(n)]})
    texts = pl.DataFrame({"id": [f"d{at}" for at in range(n)], "text": [f"text {at}" for at in range(n)]})
    split = ["train"] * 6 + ["dev"] * 3 + ["test"] * 3  # the text of q9 is that of q0, and so on
    qrels = pl.DataFrame({"query_id": queries["id"], "doc_id": texts["id"], "relevance": [1] * n, "split": split})
    twice = pl.DataFrame({"query_id": ["q5"], "doc_id": ["d5"], "relevance": [1], "split": ["dev"]})
    data = Dataset.from_tables(queries, texts, pl.concat([qrels, twice]))
    apart, n_aside = with_queries_apart(data, Splits("train", "dev", "test"))
    assert n_aside == 4
    assert apart.queries_of("train").tolist() == [3, 4]
    assert apart.queries_of("dev").tolist() == [5, 6, 7, 8]
    assert apart.queries_of("test").tolist() == [9, 10, 11]
    assert len(apart.positives) == len(data.positives)


def test_splits_that_share_no_query_stay_as_they_are():
    data = dataset()
    assert with_queries_apart(data, Splits("train", None, "dev")) == (data, 0)
