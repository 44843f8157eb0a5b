"""Weights of negatives on their way from the table to the loss."""

import math

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RunError
from hardneg.losses import LOSSES
from hardneg.training.checks import check_negatives
from hardneg.training.inputs import _hash_negatives
from hardneg.training.masks import Cells
from hardneg.training.pool.pool import build_pool
from hardneg.training.sampling.batches import MinedNegatives, assemble
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores, with_teacher
from scored_pools import score
from toy import toy_dataset


def table(rows):
    return pl.DataFrame(
        rows, schema={"query": pl.Int32, "document": pl.Int32, "weight": pl.Float32}, orient="row", strict=False
    )


def batch_of(mined, query, document, *, per_row=None):
    pairs = np.arange(len(query))
    arrays = (np.array(query, np.int32), np.array(document, np.int32))
    return assemble(pairs, *arrays, mined, per_row=per_row, epoch=0, seed=0)


def weight_in(pool, row, document):
    return pool.weight[row, pool.document.tolist().index(document)].item()


def test_a_weight_counts_in_the_row_of_its_query_alone(tiny):
    mined = MinedNegatives(table([(0, 6, 0.25), (1, 3, None)]), n_queries=4)
    pool = build_pool(tiny, batch_of(mined, [0, 1], [0, 1]))
    assert weight_in(pool, 0, 6) == 0.25
    assert weight_in(pool, 1, 6) == weight_in(pool, 0, 3) == weight_in(pool, 1, 3) == 1


def test_a_document_that_came_in_for_another_row_has_the_weight_the_table_gives_the_pair(tiny):
    mined = MinedNegatives(table([(0, 6, 0.25), (1, 6, 0.5), (0, 1, 0.125)]), n_queries=4)
    pool = build_pool(tiny, batch_of(mined, [0, 1], [0, 1], per_row=0))
    assert weight_in(pool, 0, 1) == 0.125  # document 1 is here as the positive of the other row
    pool = build_pool(tiny, batch_of(mined, [0, 1], [0, 1]))
    assert (weight_in(pool, 0, 6), weight_in(pool, 1, 6)) == (0.25, 0.5)


def test_a_weight_of_zero_forbids_the_document_in_that_row(tiny):
    mined = MinedNegatives(table([(0, 6, 0.0), (1, 6, 1.0)]), n_queries=4)
    pool = build_pool(tiny, batch_of(mined, [0, 1], [0, 1]))
    assert pool.allowed[:, pool.document.tolist().index(6)].tolist() == [False, True]
    assert pool.allowed[np.arange(2), pool.target].all()


def test_copies_of_a_text_share_its_smallest_weight(tiny):
    mined = MinedNegatives(table([(1, 0, 0.5), (1, 5, 0.25)]), n_queries=4)  # d5 is d0 in other case
    pool = build_pool(tiny, batch_of(mined, [1, 2], [1, 2]))
    assert weight_in(pool, 0, 0) == 0.25


def test_of_rows_that_repeat_a_pair_the_first_counts(tiny):
    mined = MinedNegatives(table([(0, 6, 0.5), (0, 6, 0.25)]), n_queries=4)
    assert weight_in(build_pool(tiny, batch_of(mined, [0, 1], [0, 1])), 0, 6) == 0.5


@pytest.mark.parametrize("weights", [[1.0, 1.0], [None, None], [None, 1.0]])
def test_weights_of_one_are_no_weights(tiny, weights):
    mined = MinedNegatives(table([(0, 6, weights[0]), (1, 3, weights[1])]), n_queries=4)
    assert build_pool(tiny, batch_of(mined, [0, 1], [0, 1])).weight is None
    assert MinedNegatives(None, n_queries=4).weights(np.array([0], np.int32)) is None


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 23), st.integers(0, 39)), st.sampled_from([0.0, 0.25, 0.5, 1.0, None]), max_size=60
    ),
    st.lists(st.integers(0, 23), min_size=1, max_size=8, unique=True),
)
def test_the_weights_of_a_pool_are_those_of_a_double_loop(pairs, queries):
    queries = sorted(queries)
    mined = MinedNegatives(table([(*pair, weight) for pair, weight in pairs.items()]), n_queries=24)
    pool = build_pool(toy_dataset(), batch_of(mined, queries, queries))
    for row, query in enumerate(queries):
        for column, document in enumerate(pool.document.tolist()):
            weight = pairs.get((query, document))
            found = 1.0 if pool.weight is None else pool.weight[row, column].item()
            assert found == (1.0 if weight is None else weight)


def teacher_of_all_pairs(dataset):
    pairs = [(q, d, 5 * math.sin(7 * q + d)) for q in range(dataset.n_queries) for d in range(dataset.n_documents)]
    return TeacherScores.from_table(pl.DataFrame(pairs, schema=["query", "document", "score"], orient="row"), dataset)


class FixedTowers:
    """Vectors drawn by text, so that the same text always has the same."""

    def __call__(self, queries, documents):
        return self._vectors(queries), self._vectors(documents)

    def _vectors(self, texts):
        return torch.tensor([[math.sin(sum(map(ord, text)) * k) for k in (1, 2, 3)] for text in texts])


@pytest.mark.parametrize("loss", [cls() for cls in LOSSES.values()], ids=repr)
def test_a_weight_of_zero_in_the_table_equals_the_table_without_the_row(tiny, loss):
    rows = [(0, 6, 1.0), (1, 3, 0.5)]
    with_zero = batch_of(MinedNegatives(table([*rows, (0, 2, 0.0)]), n_queries=4), [0, 1], [0, 1])
    without = batch_of(MinedNegatives(table(rows), n_queries=4), [0, 1], [0, 1])
    teacher = teacher_of_all_pairs(tiny)
    found = []
    for batch in (with_zero, without):
        cells = Cells(tiny, batch.query, build_pool(tiny, batch, shared_negatives=False).document)
        found.append(
            loss(with_teacher(score(batch, tiny, FixedTowers(), shared_negatives=False), teacher, cells)).item()
        )
    assert found[0] == pytest.approx(found[1], rel=1e-6)


@pytest.mark.parametrize("weight", [-0.1, 1.5, math.nan, math.inf])
def test_a_weight_out_of_range_is_refused_by_row_and_ids(tiny, weight):
    with pytest.raises(RunError, match=r"row 2 of the table of negatives, query 'q1' and document 'd3', has weight"):
        check_negatives(table([(0, 6, 0.5), (1, 3, weight)]), tiny)


def test_weights_that_are_no_numbers_are_refused_and_missing_ones_are_not(tiny):
    with pytest.raises(RunError, match="column 'weight'"):
        check_negatives(pl.DataFrame({"query": [0], "document": [6], "weight": ["high"]}), tiny)
    check_negatives(pl.DataFrame({"query": [0], "document": [6], "weight": [None]}), tiny)
    check_negatives(table([(0, 6, 0.0), (1, 3, 1.0), (2, 3, None)]), tiny)


def test_weights_are_part_of_a_runs_identity_unless_all_are_one():
    plain = _hash_negatives(table([(0, 6, None)]).drop("weight"))
    assert _hash_negatives(table([(0, 6, 1.0)])) == plain
    assert _hash_negatives(table([(0, 6, None)])) == plain
    assert _hash_negatives(table([(0, 6, 0.5)])) != plain


def test_the_defaults_name_no_mask():
    assert TrainSettings().mask is None
