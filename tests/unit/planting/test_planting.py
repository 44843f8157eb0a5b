import numpy as np
import polars as pl
import pytest

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.filters import apply_filters
from hardneg.planting.planting import plant
from hardneg.sources import BM25, gather


def _dataset(rows, *, n_queries=12, n_documents=40, query_text=None, document_text=None, order=None):
    """Queries q0.. and documents d0.. with the labels (query, document, relevance, split)."""
    query_text = query_text or {}
    document_text = document_text or {}
    queries = [{"id": f"q{i}", "text": query_text.get(i, f"question number {i}")} for i in range(n_queries)]
    documents = [{"id": f"d{i}", "text": document_text.get(i, f"text number {i}")} for i in range(n_documents)]
    if order is not None:
        documents = [documents[i] for i in order]
    qrels = [(f"q{q}", f"d{d}", relevance, split) for q, d, relevance, split in rows]
    return Dataset.from_tables(
        pl.DataFrame(queries),
        pl.DataFrame(documents),
        pl.DataFrame(qrels, schema=["query_id", "doc_id", "relevance", "split"], orient="row"),
    )


def _many():
    """Query i has i % 5 positives of its own."""
    return [(q, q * 3 + j, 1, "train") for q in range(12) for j in range(q % 5)]


def _ids(planted):
    query, document = np.divmod(planted.hidden.keys, planted.hidden.width)
    dataset = planted.dataset
    return set(zip(dataset.queries["id"].gather(query), dataset.documents["id"].gather(document), strict=True))


def test_hides_the_share_and_keeps_what_must_stay():
    dataset = _dataset(_many(), n_documents=60)
    for share in (0.1, 0.5, 0.9):
        planted = plant(dataset, "train", share=share, seed=3)
        for query in range(12):
            n = len(dataset.positives.of(query))
            left, hidden = planted.dataset.positives.of(query), planted.hidden.of(query)
            expected = 0 if n < 2 else min(n - 1, max(1, int(n * share + 0.5)))
            assert len(hidden) == expected
            assert sorted([*left, *hidden]) == list(dataset.positives.of(query))
        assert planted.queries.tolist() == [q for q in range(12) if q % 5 >= 2]


def test_a_single_positive_is_hidden_only_if_none_must_stay():
    dataset = _dataset([(0, 0, 1, "train"), (1, 1, 1, "train"), (1, 2, 1, "train")], n_queries=2, n_documents=4)
    assert plant(dataset, "train", seed=0).queries.tolist() == [1]
    assert plant(dataset, "train", seed=0, least_known=0).queries.tolist() == [0, 1]
    with pytest.raises(DatasetError, match="no query has more than 2"):
        plant(dataset, "train", seed=0, least_known=2)


def test_the_choice_depends_on_ids_and_seed_not_on_positions():
    rows = [(q, q * 3 + j, 1, "train") for q in range(12) for j in range(3)]
    forward = _dataset(rows)
    backward = _dataset(rows[::-1], order=range(39, -1, -1))
    assert _ids(plant(forward, "train", seed=1)) == _ids(plant(backward, "train", seed=1))
    assert _ids(plant(forward, "train", seed=1)) != _ids(plant(forward, "train", seed=2))


def test_every_positive_is_as_likely_to_be_hidden_as_the_others():
    dataset = _dataset([(0, d, 1, "train") for d in range(4)], n_queries=1, n_documents=4)
    counts = np.zeros(4)
    for seed in range(400):
        counts[plant(dataset, "train", seed=seed).hidden.of(0)] += 1
    assert (np.abs(counts / 400 - 0.5) < 0.12).all()


def test_copies_of_a_hidden_document_are_hidden_and_count_once():
    dataset = _dataset(
        [(0, 0, 1, "train"), (0, 1, 1, "train"), (0, 2, 1, "train")],
        n_queries=1,
        n_documents=5,
        document_text={0: "Same  text", 1: "same text", 3: "SAME TEXT"},
    )
    seen = set()
    for seed in range(20):
        planted = plant(dataset, "train", seed=seed)
        assert len(planted.hidden) == 1
        left = set(planted.dataset.positives.of(0).tolist())
        assert left in ({2}, {0, 1})
        seen.add(frozenset(left))
        hidden = planted.is_hidden(np.zeros(5, np.int32), np.arange(5, dtype=np.int32)).tolist()
        assert hidden == ([True, True, False, True, False] if left == {2} else [False, False, True, False, False])
    assert len(seen) == 2
    only_copies = _dataset(
        [(0, 0, 1, "train"), (0, 1, 1, "train")], n_queries=1, n_documents=2, document_text={0: "a", 1: "A"}
    )
    with pytest.raises(DatasetError, match="can be hidden"):
        plant(only_copies, "train", seed=0)


def test_queries_of_one_text_lose_the_label_together():
    rows = [(0, 0, 1, "train"), (0, 1, 1, "train"), (1, 0, 1, "train"), (1, 1, 1, "test"), (2, 0, 1, "train")]
    dataset = _dataset(rows, n_queries=3, n_documents=4, query_text={0: "One text", 1: "one TEXT"})
    for seed in range(10):
        planted = plant(dataset, "train", seed=seed)
        hidden = int(planted.hidden.of(0)[0])
        assert not planted.dataset.is_answer(np.array([0, 1]), np.array([hidden, hidden])).any()
        assert planted.dataset.is_answer(np.array([0, 1]), np.array([1 - hidden, 1 - hidden])).all()
        assert planted.dataset.is_answer(np.array([2]), np.array([0])).all()
        assert planted.queries.tolist() == [0, 1]


def test_labels_of_other_splits_are_not_hidden_unless_they_say_the_same():
    rows = [(0, 0, 1, "train"), (0, 1, 1, "train"), (0, 2, 1, "test"), (0, 0, 1, "test"), (0, 1, 0, "test")]
    dataset = _dataset(rows, n_queries=1, n_documents=4)
    for seed in range(10):
        planted = plant(dataset, "train", seed=seed)
        hidden = int(planted.hidden.of(0)[0])
        assert hidden in (0, 1)
        assert planted.dataset.qrels.filter(pl.col("document") == hidden).is_empty()
        assert 2 in planted.dataset.positives.of(0)
        assert len(planted.dataset.judged_negatives) == 0


def test_texts_positions_and_first_splits_stay():
    rows = [(0, 0, 1, "a"), (0, 1, 1, "b"), (0, 2, 1, "b"), (1, 3, 1, "b"), (1, 3, 1, "a"), (1, 4, 1, "b")]
    dataset = _dataset(rows, n_queries=3, n_documents=6)
    for seed in range(10):
        planted = plant(dataset, "b", seed=seed).dataset
        assert planted.query_split.tolist() == dataset.query_split.tolist()
        assert planted.splits == dataset.splits
        assert planted.queries is dataset.queries
        assert planted.documents is dataset.documents
        assert planted.fingerprint != dataset.fingerprint


def test_mining_no_longer_refuses_what_is_hidden():
    rows = [(q, q * 3 + j, 1, "train") for q in range(12) for j in range(3)]
    dataset = _dataset(rows)
    planted = plant(dataset, "train", seed=0)
    candidates = gather(planted.dataset, [BM25()], planted.queries, 40)
    table = apply_filters(candidates, planted.dataset, ())
    hidden = planted.is_hidden(table["query"].to_numpy(), table["document"].to_numpy())
    assert hidden.sum() == len(planted.hidden)
    assert table.filter(pl.Series(hidden))["dropped_by"].null_count() == len(planted.hidden)


def test_fewer_queries_are_chosen_by_the_seed():
    rows = [(q, q * 3 + j, 1, "train") for q in range(12) for j in range(3)]
    dataset = _dataset(rows)
    everything = plant(dataset, "train", seed=0)
    some = plant(dataset, "train", seed=0, max_queries=5)
    assert len(some.queries) == 5
    assert set(some.hidden.keys.tolist()) <= set(everything.hidden.keys.tolist())
    assert some.queries.tolist() != plant(dataset, "train", seed=1, max_queries=5).queries.tolist()


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.0}, {"least_known": -1}])
def test_what_cannot_be_is_refused(wrong):
    dataset = _dataset(_many(), n_documents=60)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        plant(dataset, "train", seed=0, **wrong)
