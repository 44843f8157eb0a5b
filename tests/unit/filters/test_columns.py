import numpy as np
import pytest

from hardneg.errors import RecipeError
from hardneg.filters.columns import column, lowest_positive, scores, suffixes


def test_suffixes_list_the_sources_in_their_order(candidates):
    assert suffixes(candidates, "rank") == ["bm25", "dense"]
    assert suffixes(candidates, "score") == ["bm25", "dense"]


def test_an_unknown_score_is_answered_with_those_there_are(candidates):
    with pytest.raises(RecipeError, match=r"no score of 'teacher'; they have: bm25, dense"):
        column(candidates, "score", "teacher")


def test_unknown_scores_are_nan(candidates):
    assert np.flatnonzero(np.isnan(scores(candidates, "dense"))).tolist() == [8, 9]


def test_lowest_positive_is_the_weakest_labelled_one_of_the_same_query(candidates, tiny):
    lowest = lowest_positive(candidates, scores(candidates, "dense"), tiny)
    np.testing.assert_allclose(lowest, [0.8] * 4 + [0.5] * 4 + [np.nan] * 2, rtol=1e-6)


def test_a_copy_of_a_positive_does_not_set_the_bar(candidates, tiny):
    score = scores(candidates, "dense").copy()
    score[1] = 0.2
    np.testing.assert_allclose(lowest_positive(candidates, score, tiny)[:4], 0.8, rtol=1e-6)


def test_positives_without_a_score_are_passed_over(candidates, tiny):
    score = scores(candidates, "dense").copy()
    score[6] = np.nan
    np.testing.assert_allclose(lowest_positive(candidates, score, tiny)[4:8], 0.9, rtol=1e-6)
