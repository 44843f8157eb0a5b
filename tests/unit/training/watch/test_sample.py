"""Which queries and documents are looked at."""

import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.sources import BM25
from hardneg.training.watch.sample import draw_sample, watched_split, without_trained
from hardneg.training.watch.settings import Watch
from watched_toy import watched_dataset

WATCH = Watch(queries=6, hard=3, beside=4)


def shuffled(dataset, seed):
    """The same rows in another order."""
    rng = np.random.default_rng(seed)
    tables = [table[rng.permutation(table.height).tolist()] for table in (dataset.queries, dataset.documents)]
    labels = dataset.with_ids(dataset.qrels)[rng.permutation(dataset.qrels.height).tolist()]
    return Dataset.from_tables(*tables, labels, name=dataset.name)


def ids(sample):
    return {name: set(getattr(sample.dataset, name)["id"]) for name in ("queries", "documents")}


@pytest.mark.parametrize("seed", range(3))
def test_the_choice_is_by_ids_whatever_the_order_of_rows(seed):
    dataset = watched_dataset()
    drawn = Watch(queries=6, hard=0, beside=9)  # BM25 breaks ties by position
    one, other = (draw_sample(drawn, each, split="dev") for each in (dataset, shuffled(dataset, seed)))
    assert ids(one) == ids(other)
    assert one.about == other.about


def test_it_holds_the_answers_and_the_best_of_bm25_for_each_query_and_others():
    dataset = watched_dataset()
    sample = draw_sample(WATCH, dataset, split="dev")
    queries = np.flatnonzero(dataset.queries["id"].is_in(list(ids(sample)["queries"])).to_numpy()).astype(np.int32)
    assert len(queries) == 6
    wanted = dataset.qrels.filter(pl.col("query").is_in(queries))["document"].to_list()
    wanted += BM25().retrieve(dataset, queries, 3)["document"].to_list()
    named = set(dataset.documents["id"].gather(wanted))
    assert named < ids(sample)["documents"]
    assert len(ids(sample)["documents"] - named) == 4
    assert (
        str(sample.about) == f"6 of 10 queries of dev against {len(named) + 4} of 40 documents: higher than against all"
    )


def test_all_is_all():
    sample = draw_sample(Watch(queries="all", beside="all"), watched_dataset(), split="dev")
    assert str(sample.about) == "all 10 queries of dev against all 40 documents"
    assert sample.about.is_whole


def test_labels_go_along():
    dataset = watched_dataset()
    sample = draw_sample(WATCH, dataset, split="dev")
    kept = sample.dataset.with_ids(sample.dataset.qrels)
    both = pl.col("query_id").is_in(list(ids(sample)["queries"])) & pl.col("doc_id").is_in(
        list(ids(sample)["documents"])
    )
    assert kept.sort(kept.columns).equals(dataset.with_ids(dataset.qrels).filter(both).sort(kept.columns))


def test_a_split_that_cannot_tell_anything_is_refused():
    dataset = watched_dataset()
    assert watched_split(Watch(), dataset, trained="train") == "dev"
    only_train = dataset.with_labels(dataset.qrels.filter(pl.col("split") == "train"))
    with pytest.raises(DatasetError, match=r"no split to look at .* it has: train\. Name one by watch\.split"):
        watched_split(Watch(), only_train, trained="train")
    with pytest.raises(DatasetError, match="no split 'later'"):
        watched_split(Watch(split="later"), dataset, trained="train")
    with pytest.raises(DatasetError, match="split 'train' is trained on"):
        watched_split(Watch(split="train"), dataset, trained="train")
    judged = dataset.with_labels(dataset.qrels.with_columns(relevance=pl.lit(0)).filter(pl.col("split") == "dev"))
    with pytest.raises(DatasetError, match="split 'dev' of toy has no positive"):
        watched_split(Watch(), judged, trained="train")
    again = pl.concat([dataset.qrels, dataset.qrels.head(1).with_columns(split=pl.lit("dev"))])
    twice = dataset.with_labels(again)
    assert watched_split(Watch(), twice, trained="train") == "dev"
    assert without_trained(twice, "dev", trained="train").queries_of("dev").tolist() == list(range(14, 24))
    many = dataset.qrels.filter(pl.col("query") < 5).with_columns(split=pl.lit("dev"))
    with pytest.raises(DatasetError, match=r"5 of 15 queries of 'dev' are in 'train' too, .* say 'q0'"):
        watched_split(Watch(), dataset.with_labels(pl.concat([dataset.qrels, many])), trained="train")
