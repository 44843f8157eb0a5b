import numpy as np
import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.filters import PositiveMargin
from hardneg.filters.positive_margin import threshold


def kept(margin, candidates, tiny):
    return [i for i, keep in enumerate(margin.keep(candidates, tiny).tolist()) if keep]


def test_ratio_compares_with_the_weakest_positive_of_the_query(candidates, tiny):
    # The bars are 0.76 for q0 and 0.475 for q1, whose stronger positive scores 0.9; q2 cannot be compared.
    assert kept(PositiveMargin(ratio=0.95, score="dense"), candidates, tiny) == [4, 8, 9]


def test_absolute_margin_is_a_distance_from_the_weakest_positive(candidates, tiny):
    assert kept(PositiveMargin(absolute=0.02, score="dense"), candidates, tiny) == [2, 4, 8, 9]


def test_with_both_margins_the_stricter_one_counts(candidates, tiny):
    assert kept(PositiveMargin(ratio=0.99, absolute=0.04, score="dense"), candidates, tiny) == [4, 8, 9]
    assert kept(PositiveMargin(ratio=0.97, absolute=0.0, score="dense"), candidates, tiny) == [2, 4, 8, 9]


def test_without_a_named_score_any_source_can_refuse(candidates, tiny):
    # d6 passes for q0 by BM25 (3 of 9) but not by the dense score; d0 passes for q1 by the dense score alone.
    assert kept(PositiveMargin(ratio=0.95), candidates, tiny) == [8, 9]


def test_what_cannot_be_compared_is_kept_or_dropped_as_told(candidates, tiny):
    assert kept(PositiveMargin(ratio=0.95, score="dense", unscored="drop"), candidates, tiny) == [4]
    unscored_candidate = candidates.filter(pl.col("document").is_in([0, 6]))
    assert kept(PositiveMargin(ratio=0.95, score="bm25", unscored="drop"), unscored_candidate, tiny) == [1]


def test_a_candidate_that_scores_exactly_at_the_bar_is_refused(candidates, tiny):
    copy = candidates.filter(pl.col("query") == 0)
    assert 1 not in kept(PositiveMargin(ratio=1.0, score="dense"), copy, tiny)


def test_the_ratio_asks_for_less_also_when_scores_are_negative():
    np.testing.assert_allclose(threshold(np.array([-0.8, 0.0, 0.8]), ratio=0.95, absolute=None), [-0.84, 0.0, 0.76])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "neither ratio nor absolute"),
        ({"ratio": 0.0}, r"ratio is 0\.0"),
        ({"ratio": 1.5}, r"ratio is 1\.5"),
        ({"absolute": -0.1}, r"absolute is -0\.1"),
        ({"absolute": float("nan")}, "absolute is nan"),
        ({"ratio": 0.9, "unscored": "maybe"}, "unscored is 'maybe'"),
    ],
)
def test_a_margin_that_cannot_be_is_refused_when_it_is_made(values, message):
    with pytest.raises(RecipeError, match=message):
        PositiveMargin(**values)


def test_an_unknown_score_is_answered_with_those_there_are(candidates, tiny):
    with pytest.raises(RecipeError, match=r"no score of 'teacher'; they have: bm25, dense"):
        PositiveMargin(ratio=0.95, score="teacher").keep(candidates, tiny)
