import pytest

from hardneg.errors import RecipeError
from hardneg.filters import ScoreRange


def kept(score_range, candidates, tiny):
    return [i for i, keep in enumerate(score_range.keep(candidates, tiny).tolist()) if keep]


def test_bounds_are_inside_and_unscored_rows_pass(candidates, tiny):
    assert kept(ScoreRange("bm25", low=3.0, high=8.9), candidates, tiny) == [2, 3, 4, 6, 7, 9]


def test_unscored_rows_can_be_refused(candidates, tiny):
    assert kept(ScoreRange("bm25", low=3.0, high=8.9, unscored="drop"), candidates, tiny) == [2, 3, 4, 6]


def test_one_bound_is_enough(candidates, tiny):
    assert kept(ScoreRange("dense", high=0.4, unscored="drop"), candidates, tiny) == [4]
    assert kept(ScoreRange("dense", low=0.85, unscored="drop"), candidates, tiny) == [5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "neither low nor high"),
        ({"low": 0.5, "high": 0.4}, r"low = 0\.5 is above high = 0\.4"),
        ({"low": float("nan"), "high": 0.4}, "low = nan"),
        ({"low": 0.5, "unscored": "maybe"}, "unscored is 'maybe'"),
    ],
)
def test_a_range_that_cannot_be_is_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        ScoreRange("dense", **values)


def test_an_unknown_score_is_answered_with_those_there_are(candidates, tiny):
    with pytest.raises(RecipeError, match="no score of 'teacher'"):
        ScoreRange("teacher", low=0).keep(candidates, tiny)
