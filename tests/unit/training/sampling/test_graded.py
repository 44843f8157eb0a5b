import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.errors import RunError
from hardneg.training.checks import check_graded
from hardneg.training.sampling.batches import MinedNegatives
from hardneg.training.sampling.curriculum import Curriculum, GradedNegatives

SOURCES = ("random", "bm25", "dense")
SCHEMA = {
    "query": pl.Int32,
    "document": pl.Int32,
    "source": pl.String,
    "score": pl.Float32,
    "positive_score": pl.Float32,
    "weight": pl.Float32,
}


def table(rows):
    return pl.DataFrame([(*row, 1.0)[:6] for row in rows], schema=SCHEMA, orient="row")


def mined(n=30, *, positive=2.0):
    """One query with n candidates of each source; within a source, a larger number is harder. Random has no score."""
    score = {"random": lambda _: None, "bm25": lambda at: 20.0 + at, "dense": lambda at: 0.01 * at}
    return table(
        [
            (0, 100 * group + at, source, score[source](at), None if source == "random" else positive)
            for group, source in enumerate(SOURCES)
            for at in range(n)
        ]
    )


def draws(curriculum, rows, progress, *, per_row, turns=50, n_queries=1, query=0):
    negatives = GradedNegatives(rows, curriculum, n_queries=n_queries).at(progress)
    return [negatives.draw(query, turn=turn, per_row=per_row, seed=3).tolist() for turn in range(turns)]


def test_each_moment_draws_from_the_source_whose_turn_it_is():
    curriculum = Curriculum(shares={"random": (1, 0, 0), "bm25": (0, 1, 0), "dense": (0, 0, 1)})
    for progress, group in ((0.0, 0), (0.5, 1), (1.0, 2)):
        drawn = draws(curriculum, mined(), progress, per_row=2)
        assert {document // 100 for row in drawn for document in row} == {group}


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda shares: sum(shares) > 0.1), st.integers(1, 7))
def test_a_row_never_differs_from_the_shares_by_a_whole_place(shares, per_row):
    curriculum = Curriculum(shares={name: (share,) for name, share in zip(SOURCES, shares, strict=True)})
    for row in draws(curriculum, mined(), 0.3, per_row=per_row, turns=5):
        assert len(set(row)) == per_row
        counts = np.bincount(np.array(row) // 100, minlength=3)
        assert np.all(np.abs(counts - per_row * np.array(shares) / sum(shares)) < 1 + 1e-9)


def test_over_many_rows_the_sources_get_their_shares():
    curriculum = Curriculum(shares={"random": (0.2,), "bm25": (0.5,), "dense": (0.3,)})
    drawn = np.concatenate(draws(curriculum, mined(), 0.0, per_row=1, turns=2_000))
    assert np.bincount(drawn // 100) / 2_000 == pytest.approx([0.2, 0.5, 0.3], abs=0.04)


def test_a_share_of_zero_is_never_drawn_even_if_the_others_have_nothing():
    rows = mined().filter(pl.col("source") != "dense")
    curriculum = Curriculum(shares={"dense": (1.0,), "bm25": (0.0,)})
    assert draws(curriculum, rows, 0.5, per_row=2, turns=1) == [[]]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["bm25", "dense"]), st.one_of(st.none(), st.integers(-9, 9).map(float))),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([-2.0, 0.5, 3.0]),
    st.tuples(st.integers(0, 9), st.integers(1, 10)).filter(lambda ends: ends[0] < ends[1]),
    st.integers(1, 3),
    st.booleans(),
)
def test_draws_stay_within_the_window_of_a_textbook_sort(candidates, positive, tenths, per_row, by_source):
    rows = table([(0, at, source, score, positive) for at, (source, score) in enumerate(candidates)])
    window = (tenths[0] / 10, tenths[1] / 10)
    shares = {source: (1.0,) for source in sorted({source for source, _ in candidates})} if by_source else None
    if not shares and window == (0.0, 1.0):
        return
    open_to = set()
    for name in shares or [None]:
        own = [(score, at) for at, (source, score) in enumerate(candidates) if name in (None, source)]
        unscored = [at for score, at in own if score is None]
        scored = sorted(((score - positive) / abs(positive), at) for score, at in own if score is not None)
        order = unscored + [at for _, at in scored]
        ends = [math.floor(window[0] * len(order) + 1e-9), math.ceil(window[1] * len(order) - 1e-9)]
        ends[1] = min(len(order), max(ends[1], ends[0] + per_row))
        ends[0] = max(0, min(ends[0], ends[1] - per_row))
        open_to |= set(order[ends[0] : ends[1]] if scored else order)
    for row in draws(Curriculum(shares=shares, window=(window,)), rows, 0.0, per_row=per_row, turns=4):
        assert set(row) <= open_to
        assert len(set(row)) == len(row)


def test_from_the_easiest_third_to_the_hardest_third():
    curriculum = Curriculum(shares={"dense": (1.0,)}, window=((0.0, 1 / 3), (2 / 3, 1.0)))
    for progress, expected in ((0.0, range(200, 210)), (0.5, range(210, 220)), (1.0, range(220, 230))):
        drawn = draws(curriculum, mined(), progress, per_row=1, turns=300)
        assert {document for row in drawn for document in row} == set(expected)


def test_sources_on_different_scales_are_compared_by_the_score_relative_to_the_positive():
    rows = table([(0, 1, "bm25", 12.0, 24.0), (0, 2, "dense", 0.9, 1.0), (0, 3, "dense", -0.2, 1.0)])
    hardest, easiest = Curriculum(window=((0.9, 1.0),)), Curriculum(window=((0.0, 0.1),))
    assert draws(hardest, rows, 0.0, per_row=1, turns=1) == [[2]]
    assert draws(easiest, rows, 0.0, per_row=1, turns=1) == [[3]]
    below_zero = table([(0, 1, "dense", -3.0, -1.0), (0, 2, "dense", -1.5, -1.0)])
    assert draws(hardest, below_zero, 0.0, per_row=1, turns=1) == [[2]]


def test_a_source_without_scores_is_not_cut_by_the_window():
    curriculum = Curriculum(shares={"random": (1.0,)}, window=((0.9, 1.0),))
    drawn = draws(curriculum, mined(), 0.0, per_row=1, turns=500)
    assert {document for row in drawn for document in row} == set(range(30))


def test_thirty_candidates_are_drawn_anew_each_epoch_and_the_same_for_the_same_seed():
    curriculum = Curriculum(shares={"dense": (1.0,)})
    first, again = (draws(curriculum, mined(), 0.0, per_row=1, turns=30) for _ in range(2))
    assert first == again
    assert len({row[0] for row in first}) > 12


def test_one_negative_a_row_gives_each_of_thirty_its_turn_in_thirty_epochs_whatever_it_weighs():
    rows = mined().filter(source="dense").with_columns(weight=pl.Series(np.linspace(0, 1, 30), dtype=pl.Float32))
    negatives = MinedNegatives(rows, n_queries=1)
    drawn = [int(negatives.draw(0, turn=turn, per_row=1, seed=0)[0]) for turn in range(30)]
    assert sorted(drawn) == list(range(200, 230))
    assert drawn != sorted(drawn)
    weights = negatives.weights(np.zeros(1, dtype=np.int32))
    assert dict(zip(weights.document.tolist(), weights.weight.tolist(), strict=True)) == pytest.approx(
        {200 + at: at / 29 for at in range(29)}
    )


def test_weights_are_those_of_the_table():
    rows = mined().with_columns(weight=pl.lit(0.5, dtype=pl.Float32))
    graded = GradedNegatives(rows, Curriculum(shares={"bm25": (1.0,)}), n_queries=1).at(0.0)
    assert len(graded.weights(np.zeros(1, dtype=np.int32)).document) == 90


def test_a_query_without_negatives_draws_none():
    graded = GradedNegatives(mined(), Curriculum(shares={"bm25": (1.0,)}), n_queries=2).at(0.0)
    assert graded.draw(1, turn=0, per_row=2, seed=0).tolist() == []


def test_what_the_table_cannot_give_is_refused():
    by_source, by_score = Curriculum(shares={"mined": (1.0,)}), Curriculum(window=((0.5, 1.0),))
    with pytest.raises(RunError, match="column 'source'"):
        check_graded(mined().drop("source"), by_source)
    with pytest.raises(RunError, match="'mined', but the negatives come from: bm25, dense, random"):
        check_graded(mined(), by_source)
    with pytest.raises(RunError, match="column 'positive_score'"):
        check_graded(mined().drop("positive_score"), by_score)
    with pytest.raises(RunError, match=r"no negative has a score.*select\.score"):
        check_graded(mined().filter(source="random"), by_score)
    check_graded(mined(), by_score)
