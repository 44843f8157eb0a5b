import pytest

from hardneg.errors import RecipeError
from hardneg.filters import RankWindow


def kept(window, candidates, tiny):
    return [i for i, keep in enumerate(window.keep(candidates, tiny).tolist()) if keep]


def test_both_ends_of_the_window_are_inside(candidates, tiny):
    assert kept(RankWindow("dense", low=2, high=4, absent="drop"), candidates, tiny) == [0, 2, 3, 7]


def test_rows_that_the_source_did_not_find_are_kept_unless_told_otherwise(candidates, tiny):
    assert kept(RankWindow("dense", low=2, high=4), candidates, tiny) == [0, 2, 3, 4, 7, 8, 9]


def test_an_open_window_has_no_last_rank(candidates, tiny):
    assert kept(RankWindow("dense", low=3, absent="drop"), candidates, tiny) == [2, 3, 6, 7]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 0}, "low is 0, but ranks count from 1"),
        ({"low": 5, "high": 4}, "high is 4, below low = 5"),
        ({"absent": "maybe"}, "absent is 'maybe'"),
    ],
)
def test_a_window_that_cannot_be_is_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        RankWindow("dense", **values)


def test_an_unknown_source_is_answered_with_those_there_are(candidates, tiny):
    with pytest.raises(RecipeError, match=r"no rank of 'bm52'; they have: bm25, dense"):
        RankWindow("bm52").keep(candidates, tiny)
