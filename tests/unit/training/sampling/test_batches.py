import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from hardneg.randomness import permutation
from hardneg.training.sampling.batches import (
    MinedNegatives,
    assemble,
    dealt_batches,
    epoch_batches,
    even_sizes,
    training_pairs,
)


def dataset_of(pairs, n_queries, n_documents, document_texts=None):
    texts = document_texts or [f"document {i}" for i in range(n_documents)]
    return Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": [f"query {i}" for i in range(n_queries)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": texts}),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in pairs],
                "doc_id": [f"d{d}" for _, d in pairs],
                "relevance": [1] * len(pairs),
                "split": ["train"] * len(pairs),
            }
        ),
    )


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=40, unique=True),
    st.lists(st.sampled_from(["a", "A", "b", "c"]), min_size=6, max_size=6),
    st.integers(2, 6),
    st.integers(0, 3),
)
def test_every_pair_comes_once_and_no_batch_repeats_a_query_or_a_text(pairs, texts, batch_size, epoch):
    dataset = dataset_of(pairs, 10, 6, texts)
    query, document = training_pairs(dataset, "train")
    batches = epoch_batches(dataset, query, document, batch_size=batch_size, epoch=epoch, seed=1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(query)))
    for rows in batches:
        assert 1 <= len(rows) <= max(batch_size, 3)
        assert len(set(query[rows].tolist())) == len(rows)
        assert len(set(dataset.text_group[document[rows]].tolist())) == len(rows)


@pytest.mark.parametrize("repeat_documents", [False, True])
@pytest.mark.parametrize(
    ("n_pairs", "batch_size", "sizes"),
    [
        (96, 32, [32, 32, 32]),
        (100, 32, [25, 25, 25, 25]),
        (33, 32, [16, 17]),
        (2 * 32 + 1, 32, [21, 22, 22]),
        (5, 2, [2, 3]),
        (1, 32, [1]),
    ],
)
def test_pairs_are_spread_over_as_few_batches_as_they_need_and_none_is_left_alone(
    n_pairs, batch_size, sizes, repeat_documents
):
    dataset = dataset_of([(i, i) for i in range(n_pairs)], n_pairs, n_pairs)
    pairs = training_pairs(dataset, "train")
    more = {"epoch": 0, "seed": 0, "repeat_documents": repeat_documents}
    batches = epoch_batches(dataset, *pairs, batch_size=batch_size, **more)
    assert sorted(len(rows) for rows in batches) == sizes
    assert sorted(np.concatenate(batches).tolist()) == list(range(n_pairs))


@given(st.integers(2, 400), st.integers(2, 40))
def test_no_number_of_pairs_leaves_a_lone_one(n_pairs, batch_size):
    sizes = even_sizes(n_pairs, batch_size)
    assert sizes.sum() == n_pairs
    assert sizes.min() > 1
    assert sizes.max() <= max(batch_size, 3)
    assert sizes.max() - sizes.min() <= 1


def test_a_query_with_most_of_the_pairs_is_dealt_evenly_among_the_others():
    pairs = [(0, i) for i in range(80)] + [(i, 79 + i) for i in range(1, 21)]
    dataset = dataset_of(pairs, 21, 100)
    query, document = training_pairs(dataset, "train")
    batches = dealt_batches(dataset, query, document, batch_size=10, epoch=0, seed=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(100))
    assert [len(rows) for rows in batches] == [10] * 10
    assert [int((query[rows] == 0).sum()) for rows in batches] == [8] * 10
    later = dealt_batches(dataset, query, document, batch_size=10, epoch=1, seed=0)
    together = [{tuple(sorted(query[rows][query[rows] > 0])) for rows in each} for each in (batches, later)]
    assert together[0] != together[1]
    again = dealt_batches(dataset, query, document, batch_size=10, epoch=0, seed=0)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_a_document_with_most_of_the_pairs_is_dealt_evenly_too():
    pairs = [(i, 0) for i in range(80)] + [(80 + i, i) for i in range(1, 21)]
    dataset = dataset_of(pairs, 101, 21)
    query, document = training_pairs(dataset, "train")
    batches = dealt_batches(dataset, query, document, batch_size=10, epoch=0, seed=0)
    assert [int((document[rows] == 0).sum()) for rows in batches] == [8] * 10


def test_a_document_that_answers_everything_makes_a_batch_for_each_of_its_pairs():
    dataset = dataset_of([(i, 0) for i in range(50)] + [(i, i) for i in range(50, 60)], 60, 60)
    batches = epoch_batches(dataset, *training_pairs(dataset, "train"), batch_size=8, epoch=0, seed=0)
    assert len(batches) == 50


def test_epochs_and_seeds_differ_and_repeat():
    dataset = dataset_of([(i, i) for i in range(100)], 100, 100)

    def order(epoch, seed):
        batches = epoch_batches(dataset, *training_pairs(dataset, "train"), batch_size=32, epoch=epoch, seed=seed)
        return np.concatenate(batches).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(1, 0)
    assert order(0, 0) != order(0, 1)


def test_a_larger_cap_takes_the_same_pairs_and_more():
    dataset = dataset_of([(i // 2, i % 7) for i in range(60)], 30, 7)
    small, large = (
        set(
            zip(
                *(column.tolist() for column in training_pairs(dataset, "train", max_pairs=n, seed=3)),
                strict=True,
            )
        )
        for n in (10, 25)
    )
    assert len(small) == 10
    assert len(large) == 25
    assert small < large


def test_a_split_that_does_not_exist_is_refused(tiny):
    with pytest.raises(DatasetError, match="no split 'dev'"):
        training_pairs(tiny, "dev")


TABLE = pl.DataFrame(
    {"query": [1, 1, 1, 1, 3], "document": [7, 2, 5, 0, 6]}, schema={"query": pl.Int32, "document": pl.Int32}
)


def test_all_negatives_come_in_the_order_of_choice_unless_a_number_is_set():
    mined = MinedNegatives(TABLE, n_queries=4)
    assert mined.draw(1, turn=0, per_row=None, seed=0).tolist() == [7, 2, 5, 0]
    assert mined.draw(0, turn=0, per_row=None, seed=0).tolist() == []
    assert mined.draw(0, turn=0, per_row=2, seed=0).tolist() == []


def test_each_negative_has_its_turn_equally_often():
    mined = MinedNegatives(TABLE, n_queries=4)
    drawn = np.concatenate([mined.draw(1, turn=turn, per_row=2, seed=0) for turn in range(6)])
    assert np.unique_counts(drawn).counts.tolist() == [3, 3, 3, 3]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), unique=True, min_size=1, max_size=60),
    st.integers(0, 3),
    st.integers(0, 7),
    st.integers(0, 2**31),
)
def test_the_order_of_turns_is_a_permutation_of_the_query_s_own(rows, per_row, turn, seed):
    query, document = (list(column) for column in zip(*rows, strict=True))
    table = pl.DataFrame({"query": query, "document": document}, schema={"query": pl.Int32, "document": pl.Int32})
    mined = MinedNegatives(table, n_queries=6)
    for one in range(6):
        negatives = [d for q, d in rows if q == one]
        if len(negatives) <= per_row:
            expected = negatives
        else:
            order = permutation(seed, 14, one, size=len(negatives))
            expected = [negatives[order[(turn * per_row + at) % len(order)]] for at in range(per_row)]
        assert mined.draw(one, turn=turn, per_row=per_row, seed=seed).tolist() == expected


def test_rows_of_one_query_take_different_negatives_in_one_epoch():
    query, document = np.array([1, 1, 2], np.int32), np.array([3, 4, 6], np.int32)
    mined = MinedNegatives(TABLE, n_queries=4)
    first, second = (
        assemble(np.array([pair]), query, document, mined, per_row=2, epoch=0, seed=0).negative.tolist()
        for pair in (0, 1)
    )
    assert sorted(first + second) == [0, 2, 5, 7]


def test_a_query_without_negatives_stands_in_the_batch_without_any():
    query, document = np.array([1, 2], np.int32), np.array([3, 6], np.int32)
    rows = assemble(
        np.array([1, 0]), query, document, MinedNegatives(TABLE, n_queries=4), per_row=None, epoch=0, seed=0
    )
    assert rows.query.tolist() == [2, 1]
    assert rows.negative_row.tolist() == [1, 1, 1, 1]


def test_no_table_means_no_negatives():
    assert MinedNegatives(None, n_queries=4).draw(1, turn=0, per_row=None, seed=0).tolist() == []
