import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.evaluation.correction import holm


def rejected(p_values, level):
    """Holm's procedure as he wrote it: go up from the smallest and stop at the first that is too large."""
    found = set()
    left = sorted(range(len(p_values)), key=lambda at: p_values[at])
    while left and p_values[left[0]] <= level / len(left):
        found.add(left.pop(0))
    return found


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_what_stays_below_the_level_is_what_holm_rejects(p_values, level):
    corrected = holm(p_values)
    if all(abs(p - level) > 1e-9 for p in corrected):
        assert {at for at, p in enumerate(corrected) if p <= level} == rejected(p_values, level)


def test_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_single_comparison_is_not_corrected():
    assert holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_no_value_falls_and_none_exceeds_one(p_values):
    corrected = np.array(holm(p_values))
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= 1).all()
