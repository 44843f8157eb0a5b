import numpy as np
import polars as pl
import pytest

from hardneg.errors import RecipeError
from hardneg.negatives import STRATEGIES, SimANS, Top, Uniform, Weighted


def rows(score, *, positive=1.0, query=None):
    n = len(score)
    table = {
        "query": query if query is not None else list(range(n)),
        "document": list(range(n)),
        "rank": list(range(1, n + 1)),
        "score": score,
        "positive_score": [positive] * n,
    }
    schema = {
        "query": pl.Int32,
        "document": pl.Int32,
        "rank": pl.Int32,
        "score": pl.Float64,
        "positive_score": pl.Float64,
    }
    return pl.DataFrame(table, schema=schema)


def choice(order):
    return np.lexsort((order.key, order.last)).tolist()


def test_top_goes_by_rank_unless_a_score_is_named():
    table = rows([0.1, 0.9, None, 0.5])
    assert choice(Top().order(table, by_score=False, seed=0)) == [0, 1, 2, 3]
    assert choice(Top().order(table, by_score=True, seed=0)) == [1, 3, 0, 2]


def test_weighted_draws_first_in_proportion_to_the_softmax():
    # 20,000 queries with the same two candidates: the better one comes first e / (e + 1) of the time.
    n = 20_000
    table = rows([0.2, 0.1] * n, query=np.repeat(np.arange(n), 2).tolist())
    key = Weighted(temperature=0.1).order(table, by_score=False, seed=3).key.reshape(n, 2)
    assert (key[:, 0] < key[:, 1]).mean() == pytest.approx(np.e / (np.e + 1), abs=0.012)


def test_simans_draws_first_in_proportion_to_its_kernel():
    n = 20_000
    table = rows([0.9, 1.5] * n, query=np.repeat(np.arange(n), 2).tolist())
    key = SimANS(a=4.0, b=0.1).order(table, by_score=False, seed=3).key.reshape(n, 2)
    near, far = np.exp(-4.0 * (0.9 - 1.0 - 0.1) ** 2), np.exp(-4.0 * (1.5 - 1.0 - 0.1) ** 2)
    assert (key[:, 0] < key[:, 1]).mean() == pytest.approx(near / (near + far), abs=0.012)


def test_a_negative_b_prefers_candidates_below_the_positive():
    table = rows([0.7, 1.3])
    assert choice(SimANS(a=1e4, b=-0.3).order(table, by_score=False, seed=0)) == [0, 1]
    assert choice(SimANS(a=1e4, b=0.3).order(table, by_score=False, seed=0)) == [1, 0]


def test_weights_too_small_for_a_float_still_order_the_rows():
    table = rows([-1e6, -2e6, -3e6])
    assert choice(SimANS(a=1e3).order(table, by_score=False, seed=0)) == [0, 1, 2]
    assert choice(Weighted(temperature=1e-3).order(table, by_score=False, seed=0)) == [0, 1, 2]


@pytest.mark.parametrize("strategy", [Weighted(), SimANS()])
def test_rows_without_a_score_come_last_in_random_order(strategy):
    table = rows([None, 0.5, None, None, 0.6])
    orders = {tuple(choice(strategy.order(table, by_score=False, seed=seed))) for seed in range(20)}
    assert all(set(order[:2]) == {1, 4} for order in orders)
    assert len({order[2:] for order in orders}) > 2


def test_simans_without_a_scored_positive_is_an_even_draw():
    order = SimANS().order(rows([0.1, 0.9], positive=None), by_score=False, seed=0)
    assert order.last.all()


@pytest.mark.parametrize("strategy", [Uniform(), Weighted(), SimANS()])
def test_a_draw_depends_on_seed_query_and_document_alone(strategy):
    table = rows([0.1, 0.4, 0.3, 0.2])
    key = strategy.order(table, by_score=False, seed=5).key
    np.testing.assert_array_equal(strategy.order(table[2:], by_score=False, seed=5).key, key[2:])
    assert (strategy.order(table, by_score=False, seed=6).key != key).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Weighted(temperature=0.0), r"temperature is 0\.0"),
        (lambda: SimANS(a=-1.0), r"a is -1\.0"),
        (lambda: SimANS(b=float("inf")), "b is inf"),
    ],
)
def test_a_strategy_that_cannot_be_is_refused_when_it_is_made(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


@pytest.mark.parametrize("strategy", STRATEGIES.values())
def test_no_rows_have_an_empty_order(strategy):
    order = strategy().order(rows([]), by_score=True, seed=0)
    assert len(order.key) == len(order.last) == 0
