import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.errors import RecipeError
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.settings import TrainSettings

THREE = {"random": (1.0, 0.0, 0.0), "bm25": (0.0, 1.0, 0.0), "dense": (0.0, 0.0, 1.0)}


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, [1, 0, 0]), (0.25, [0.5, 0.5, 0]), (0.5, [0, 1, 0]), (0.75, [0, 0.5, 0.5]), (1.0, [0, 0, 1])],
)
def test_random_then_bm25_then_dense_runs_on_straight_lines(progress, expected):
    assert list(Curriculum(shares=THREE).at(progress).shares.values()) == pytest.approx(expected)


def test_the_window_moves_from_the_easiest_third_to_the_hardest():
    curriculum = Curriculum(window=((0.0, 0.33), (0.67, 1.0)))
    assert curriculum.at(0.0).window == (0.0, 0.33)
    assert curriculum.at(1.0).window == (0.67, 1.0)
    assert curriculum.at(0.5).window == pytest.approx((0.335, 0.665))


def test_one_value_holds_throughout_and_shares_are_relative():
    phase = Curriculum(shares={"bm25": (1.0,), "dense": (1.0, 3.0)}).at(1.0)
    assert phase.shares == {"bm25": 0.25, "dense": 0.75}
    assert phase.window == (0.0, 1.0)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(0, 5), min_size=1, max_size=4).map(tuple), min_size=1, max_size=3), st.floats(0, 1))
def test_shares_always_add_up_to_one_or_the_curriculum_is_refused(values, progress):
    try:
        curriculum = Curriculum(shares={f"s{at}": each for at, each in enumerate(values)})
    except RecipeError:
        return
    assert sum(curriculum.at(progress).shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "nothing is scheduled"),
        ({"window": ((0.0, 1.0),)}, "nothing is scheduled"),
        ({"window": ()}, "nothing is scheduled"),
        ({"shares": {"bm25": ()}}, "shares of 'bm25'"),
        ({"shares": {"bm25": (-1.0,)}}, "0 or more"),
        ({"shares": {"bm25": (1.0, 0.0, 1.0)}}, "at 50% of the run all shares are 0"),
        ({"window": ((0.5, 0.5),)}, r"window is \[0.5, 0.5\]"),
        ({"window": ((0.5, 1.1),)}, "from 0 to 1"),
    ],
)
def test_what_cannot_be_followed_is_refused(given_, message):
    with pytest.raises(RecipeError, match=message):
        Curriculum(**given_)


def test_a_curriculum_needs_to_know_how_many_it_draws():
    for number in (None, 0):
        with pytest.raises(RecipeError, match="negatives_per_row"):
            TrainSettings(curriculum=Curriculum(shares=THREE), negatives_per_row=number)
