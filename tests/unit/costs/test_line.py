import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.costs.forecast import CostLine

COST = st.floats(1e-6, 1e3)


def test_a_line_goes_through_its_points_and_on():
    line = CostLine.of([[10, 1.0], [30, 2.0]])
    assert [line.at(size) for size in (10, 20, 30, 50)] == pytest.approx([1.0, 1.5, 2.0, 3.0])


def test_one_point_is_a_proportion():
    assert CostLine.of([[10, 2.0]]).at(30) == pytest.approx(6.0)


@given(low=COST, high=COST, sizes=st.lists(st.integers(1, 10**9), min_size=2, max_size=2))
def test_more_never_costs_less_nor_nothing(low, high, sizes):
    line = CostLine.of([[16, low], [64, high]])
    small, large = sorted(sizes)
    assert 0 < line.at(small) <= line.at(large)
