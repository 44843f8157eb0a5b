import numpy as np
import pytest

from hardneg.audits.intervals import kappa


def _said(both_yes, first_yes, second_yes, both_no):
    first = [True] * both_yes + [True] * first_yes + [False] * second_yes + [False] * both_no
    second = [True] * both_yes + [False] * first_yes + [True] * second_yes + [False] * both_no
    return np.array(first), np.array(second)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((20, 5, 10, 15), 0.4),  # the grant proposals with which Cohen's kappa is usually explained
        ((45, 15, 25, 15), 0.1304),
        ((25, 35, 5, 35), 0.2593),
        ((10, 0, 0, 10), 1.0),
        ((0, 10, 10, 0), -1.0),
    ],
)
def test_kappa_is_that_of_the_textbook(table, expected):
    found = kappa(*_said(*table))
    assert found.value == pytest.approx(expected, abs=5e-5)
    assert found.n == sum(table)
    assert found.low <= found.value <= found.high


def test_kappa_equals_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    first = rng.random(200) < 0.3
    second = first ^ (rng.random(200) < 0.2)
    assert kappa(first, second).value == pytest.approx(cohen_kappa_score(first, second))


def test_without_pairs_or_with_one_verdict_throughout_there_is_no_kappa():
    assert kappa(*_said(0, 0, 0, 0)).n == 0
    found = kappa(*_said(0, 0, 0, 12))
    assert (found.value, found.low, found.n) == (None, None, 12)
