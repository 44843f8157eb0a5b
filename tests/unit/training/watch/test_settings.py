"""When looks are due, and which settings are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RecipeError
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.settings import Watch

epochs = st.lists(st.integers(1, 12), min_size=1, max_size=6).map(
    lambda sizes: [epoch for epoch, size in enumerate(sizes) for _ in range(size)]
)


@given(epochs, st.integers(1, 9))
def test_whole_numbers_are_steps_with_one_look_before_and_one_after(epochs, every):
    due = Watch(every=every).due(epochs)
    assert due == {number for number in range(len(epochs)) if number % every == 0} | {len(epochs)}


@given(epochs, st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 1.5]))
def test_numbers_with_a_point_are_epochs(epochs, every):
    due = Watch(every=every).due(epochs)
    assert {0, len(epochs)} <= due
    assert max(due) == len(epochs)
    n_epochs = max(epochs) + 1
    assert len(due) <= 2 + n_epochs / every
    if every == 1.0:
        assert due == {0} | {at + 1 for at in range(len(epochs)) if [*epochs, -1][at + 1] != epochs[at]}


def test_shares_of_an_epoch_are_evenly_spread():
    assert sorted(Watch(every=0.25).due([0] * 8 + [1] * 8)) == [0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert sorted(Watch(every=2.5).due([0] * 4 + [1] * 4 + [2] * 4 + [3] * 4)) == [0, 10, 16]


@pytest.mark.parametrize(
    ("watch", "message"),
    [
        ({"every": 0}, "every is 0; set it to 1 or more steps"),
        ({"every": -0.5}, "or to epochs"),
        ({"every": True}, "should be a valid integer or a valid number"),
        ({"queries": 0}, "queries is 0; set it to 1 or more"),
        ({"queries": "most"}, "should be a valid integer or 'all'"),
        ({"patience": 0}, "patience is 0"),
        ({"keep": "first"}, "'last' or 'best'"),
        ({"measure": "nDGG@10"}, "no measure 'nDGG@10'"),
        ({"besides": 2}, "did you mean 'beside'"),
    ],
)
def test_what_makes_no_sense_is_refused(watch, message):
    with pytest.raises(RecipeError, match=message):
        TrainSettings(watch=watch)


def test_a_table_becomes_settings():
    assert TrainSettings(watch={"every": 1.0, "queries": "all"}).watch == Watch(every=1.0, queries="all")
