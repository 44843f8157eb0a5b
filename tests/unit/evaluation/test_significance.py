import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RunError
from hardneg.evaluation.significance import compare, holm, mean_interval, randomisation_p_value


def table(values, ids=None):
    return pl.DataFrame({"query_id": ids or [f"q{i}" for i in range(len(values))], "nDCG@10": values})


def test_wins_ties_and_losses_are_those_of_the_second_system():
    result = compare(table([0.1, 0.5, 0.9]), table([0.4, 0.5, 0.8]), "nDCG@10")
    assert (result.wins, result.ties, result.losses, result.n) == (1, 1, 1, 3)
    assert result.difference == pytest.approx(0.2 / 3)
    assert result.low <= result.difference <= result.high


def test_rows_are_paired_by_query_and_not_by_place():
    shuffled = table([0.3, 0.1, 0.2], ["c", "a", "b"])
    result = compare(table([0.1, 0.2, 0.3], ["a", "b", "c"]), shuffled, "nDCG@10")
    assert (result.difference, result.p_value, result.ties) == (0.0, 1.0, 3)


def test_swapping_the_systems_changes_the_sign_and_nothing_else():
    rng = np.random.default_rng(3)
    one, other = table(rng.random(40)), table(rng.random(40))
    there, back = compare(one, other, "nDCG@10"), compare(other, one, "nDCG@10")
    assert there.p_value == back.p_value
    assert (there.difference, there.low, there.high) == pytest.approx((-back.difference, -back.high, -back.low))


def test_different_queries_are_refused():
    with pytest.raises(RunError, match=r"do not have the same queries.*'b'"):
        compare(table([0.1, 0.2], ["a", "b"]), table([0.1, 0.2], ["a", "z"]), "nDCG@10")


def test_an_unknown_measure_is_refused_with_those_there_are():
    with pytest.raises(RunError, match=r"no measure 'ndcg' .* nDCG@10"):
        compare(table([0.1]), table([0.2]), "ndcg")


def test_the_same_seed_gives_the_same_numbers():
    difference = np.random.default_rng(0).normal(size=50)
    assert randomisation_p_value(difference, seed=4) == randomisation_p_value(difference, seed=4)
    assert mean_interval(difference, seed=4) == mean_interval(difference, seed=4)
    assert mean_interval(difference, seed=4) != mean_interval(difference, seed=5)


def test_a_clear_difference_over_many_queries_has_the_smallest_p_value_there_is():
    assert randomisation_p_value(np.full(200, 0.1), seed=0, n_draws=999) == 1 / 1000


def test_the_p_value_is_uniform_when_nothing_differs():
    rng = np.random.default_rng(8)
    values = [randomisation_p_value(rng.normal(size=30), seed=i, n_draws=500) for i in range(300)]
    assert np.mean(np.array(values) <= 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)


def test_chunks_do_not_change_what_is_covered(monkeypatch):
    difference = np.random.default_rng(1).normal(0.2, size=64)
    whole = randomisation_p_value(difference, seed=0, n_draws=4000)
    monkeypatch.setattr("hardneg.evaluation.significance._CHUNK", 640)
    assert randomisation_p_value(difference, seed=0, n_draws=4000) == pytest.approx(whole, abs=0.03)


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    inside = 0
    for i in range(200):
        low, high = mean_interval(rng.normal(1.0, size=60), seed=i, n_draws=400)
        inside += low <= 1.0 <= high
    assert inside / 200 == pytest.approx(0.95, abs=0.05)


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
