import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drawn_answers import draw
from hardneg.filters.expectation import Expectation, fit_expectation


@given(st.integers(0, 6), st.floats(0.01, 4), st.floats(0.01, 4), st.integers(0, 99))
def test_what_is_expected_is_the_conditional_normal_of_a_further_answer(n, between, within, seed):
    known = np.random.default_rng(seed).normal(size=n)
    expectation = Expectation(0.4, between, within)
    covariance = between * np.ones((n + 1, n + 1)) + within * np.eye(n + 1)
    gain = covariance[n, :n] @ np.linalg.inv(covariance[:n, :n])
    total, count = np.array([known.sum()]), np.array([n])
    assert expectation.centre(total, count) == pytest.approx(0.4 + gain @ (known - 0.4))
    assert expectation.spread(count) ** 2 == pytest.approx(covariance[n, n] - gain @ covariance[:n, n])


def test_equal_numbers_of_answers_give_the_textbook_variances():
    scores = np.random.default_rng(2).normal(size=(30, 4)) + np.arange(30)[:, None] / 10
    within = sum(sum((each - row.mean()) ** 2 for each in row) for row in scores) / (30 * 3)
    among = sum(4 * (row.mean() - scores.mean()) ** 2 for row in scores) / 29
    fitted = fit_expectation(np.repeat(np.arange(30), 4), scores.ravel())
    assert (fitted.mean, fitted.within) == (pytest.approx(scores.mean()), pytest.approx(within))
    assert fitted.between == pytest.approx((among - within) / 4)


@pytest.mark.parametrize("seed", range(3))
def test_what_scores_were_drawn_with_is_found_again(seed):
    fitted = fit_expectation(*draw(seed))
    assert fitted.mean == pytest.approx(0.5, abs=0.06)
    assert np.sqrt([fitted.between, fitted.within]) == pytest.approx([0.3, 0.1], rel=0.12)


@pytest.mark.parametrize(
    ("query", "score"),
    [
        ([0, 1, 2, 3], [0.1, 0.5, 0.2, 0.9]),  # one answer a query
        ([0, 0, 0], [0.1, 0.5, 0.2]),  # one query
        ([0, 0, 1, 1], [0.1, 0.1, 0.9, 0.9]),  # answers of a query are equal
        ([0, 0, 1, 1], [0.1, 0.9, 0.1, 0.9]),  # queries are equal
        ([], []),
    ],
)
def test_where_queries_say_nothing_of_their_answers_scores_are_what_they_are(query, score):
    assert fit_expectation(np.array(query, dtype=int), np.array(score, dtype=float)) == Expectation()
    assert Expectation().centre(np.array([0.7]), np.array([2])) == 0
    assert Expectation().spread(np.array([2])) == 1
