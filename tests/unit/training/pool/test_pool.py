import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data.dataset import Dataset
from hardneg.training.pool.pool import Batch, build_pool


def batch(query, document, negatives):
    rows = [row for row, own in enumerate(negatives) for _ in own]
    flat = [document for own in negatives for document in own]
    return Batch(
        np.array(query, np.int32),
        np.array(document, np.int32),
        np.array(rows, np.int64),
        np.array(flat, np.int32),
    )


def test_columns_are_the_positives_and_the_negatives_of_all_rows(tiny):
    pool = build_pool(tiny, batch([0, 1], [0, 1], [[6], [3]]))
    assert sorted(pool.document.tolist()) == [0, 1, 3, 6]
    assert pool.document[pool.target].tolist() == [0, 1]
    assert pool.allowed.all()


def test_another_positive_of_a_query_is_no_negative_for_it(tiny):
    pool = build_pool(tiny, batch([0, 1], [0, 1], [[4], []]))  # d4 also answers q1
    column = pool.document.tolist().index(4)
    assert pool.allowed[:, column].tolist() == [True, False]


def test_equal_texts_share_one_column_and_the_positive_wins(tiny):
    pool = build_pool(tiny, batch([0, 1], [0, 1], [[], [5]]))  # d5 is d0 in other case
    assert sorted(pool.document.tolist()) == [0, 1]


def test_a_copy_of_the_positive_is_no_negative_for_its_query(tiny):
    pool = build_pool(tiny, batch([1, 2], [1, 2], [[5], []]))
    assert pool.allowed[:, pool.document.tolist().index(5)].all()
    pool = build_pool(tiny, batch([1, 0], [1, 3], [[5], []]))  # d5 repeats d0, which answers q0
    assert pool.allowed[:, pool.document.tolist().index(5)].tolist() == [True, False]


def test_negatives_can_be_kept_to_their_own_row(tiny):
    pool = build_pool(tiny, batch([0, 1], [0, 1], [[6], [3]]), shared_negatives=False)
    columns = pool.document.tolist()
    assert pool.allowed[:, columns.index(6)].tolist() == [True, False]
    assert pool.allowed[:, columns.index(3)].tolist() == [False, True]
    assert pool.allowed[:, pool.target].all()


def test_positives_of_other_rows_can_be_kept_out(tiny):
    rows = batch([0, 1, 2], [0, 1, 2], [[6], [3], [0]])  # d0 is both a positive and mined for q2
    pool = build_pool(tiny, rows, in_batch=False, shared_negatives=False)
    met = [set(pool.document[allowed].tolist()) for allowed in pool.allowed]
    assert met == [{0, 6}, {1, 3}, {2, 0}]
    pool = build_pool(tiny, rows, in_batch=False)
    met = [set(pool.document[allowed].tolist()) for allowed in pool.allowed]
    assert met == [{0, 3, 6}, {0, 1, 3, 6}, {0, 2, 3, 6}]


@st.composite
def labelled(draw):
    """A small dataset in which many texts repeat, and a batch over it that may break every rule."""
    n_queries, n_documents = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    texts = st.sampled_from(["a", "A", " a", "b", "c"])
    pairs = st.tuples(st.integers(0, n_queries - 1), st.integers(0, n_documents - 1))
    positives = draw(st.lists(pairs, min_size=1, max_size=10, unique=True))
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(n_queries)], "text": [draw(texts) for _ in range(n_queries)]}),
        pl.DataFrame({"id": [f"d{i}" for i in range(n_documents)], "text": [draw(texts) for _ in range(n_documents)]}),
        pl.DataFrame(
            {
                "query_id": [f"q{q}" for q, _ in positives],
                "doc_id": [f"d{d}" for _, d in positives],
                "relevance": [1] * len(positives),
                "split": ["train"] * len(positives),
            }
        ),
    )
    rows = draw(st.lists(st.sampled_from(positives), min_size=1, max_size=4, unique=True))
    negatives = [draw(st.lists(st.integers(0, n_documents - 1), max_size=3)) for _ in rows]
    return dataset, batch([q for q, _ in rows], [d for _, d in rows], negatives)


@given(labelled())
def test_exactly_the_answers_are_forbidden_and_the_target_is_not(case):
    dataset, rows = case
    pool = build_pool(dataset, rows)
    assert len(set(dataset.text_group[pool.document].tolist())) == len(pool.document)
    assert (dataset.text_group[pool.document[pool.target]] == dataset.text_group[rows.document]).all()
    for row, query in enumerate(rows.query):
        answers = dataset.is_answer(np.full(len(pool.document), query, np.int32), pool.document)
        expected = ~answers
        expected[pool.target[row]] = True
        assert (pool.allowed[row] == expected).all()


@given(labelled(), st.booleans(), st.booleans())
def test_a_row_meets_what_the_settings_say_and_nothing_else(case, in_batch, shared_negatives):
    dataset, rows = case
    whole = build_pool(dataset, rows)
    pool = build_pool(dataset, rows, in_batch=in_batch, shared_negatives=shared_negatives)
    group = dataset.text_group
    for row in range(len(rows)):
        own = rows.negative if shared_negatives else rows.negative[rows.negative_row == row]
        documents = [rows.document[row], *(rows.document if in_batch else ()), *own]
        open_to = np.isin(group[pool.document], group[np.array(documents)])
        assert (pool.allowed[row] == (whole.allowed[row] & open_to)).all()
