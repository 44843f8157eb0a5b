"""Intervals and estimates against scipy and against simulations whose truth is known."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from hardneg.audits.intervals import ratios, wilson
from hardneg.audits.unlabelled import estimated, p_unlabelled


@pytest.mark.parametrize(("count", "n"), [(0, 10), (10, 10), (1, 7), (30, 200), (199, 1000)])
def test_wilson_is_that_of_scipy(count, n):
    expected = binomtest(count, n).proportion_ci(method="wilson")
    figure = wilson(count, n)
    assert figure.value == count / n
    assert (figure.low, figure.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_bootstrap_of_a_ratio_is_that_of_scipy():
    rng = np.random.default_rng(0)
    below = rng.integers(1, 6, 80).astype(float)
    above = rng.binomial(below.astype(int), 0.3).astype(float)
    figure = ratios(above[:, None], below[:, None], cluster=np.arange(80), seed=1, n_draws=20_000)[0]
    expected = bootstrap(
        (above, below),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert figure.value == above.sum() / below.sum()
    assert (figure.low, figure.high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_rows_of_a_cluster_are_drawn_together():
    rng = np.random.default_rng(0)
    above, below = rng.random(60), np.ones(60)
    repeated = ratios(
        np.tile(above, 4)[:, None], np.tile(below, 4)[:, None], cluster=np.tile(np.arange(60), 4), seed=3
    )[0]
    once = ratios(above[:, None], below[:, None], cluster=np.arange(60), seed=3)[0]
    assert (repeated.low, repeated.high) == pytest.approx((once.low, once.high), rel=1e-9)
    assert repeated.n == 240


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        p = rng.beta(2, 6, 100)  # queries differ, rows of one are alike
        above = rng.binomial(4, p).astype(float)
        figure = ratios(above[:, None], np.full((100, 1), 4.0), cluster=np.arange(100), seed=trial, n_draws=400)[0]
        hits += figure.low <= 0.25 <= figure.high
    assert 0.89 <= hits / 200 <= 0.99


def _simulated(rng, *, n=40_000, c=0.4):
    """Candidates in queries of 20; answers are labelled with probability c, whatever they look like."""
    x = rng.normal(size=n)
    p_answer = 0.95 / (1 + np.exp(-(2 * x - 3)))
    answer = rng.random(n) < p_answer
    planted = answer & (rng.random(n) < c)
    return p_answer * c, answer, planted, np.arange(n) // 20


def test_elkan_noto_recovers_what_it_was_not_told():
    rng = np.random.default_rng(1)
    g, answer, planted, cluster = _simulated(rng)
    score = g + rng.normal(scale=0.05, size=len(g))
    selected = (score > np.quantile(score, 0.6)) & (score < np.quantile(score, 0.9))
    found = estimated(g, hidden=planted, selected=selected, cluster=cluster, seed=0, n_draws=300)
    truth = answer[selected].mean()
    assert found.bound.value == pytest.approx(planted[selected].mean())
    assert found.bound.high < truth
    # e1 averages g over the answers that were planted: c times how certain these are, so the estimate is too high.
    assert found.labelled.value == pytest.approx(g[planted].mean())
    assert found.labelled_max == g.max()
    assert found.estimate.value > truth
    # Here some answers are all but certain, so e3 is right.
    assert found.estimate_max == pytest.approx(truth, rel=0.1)
    assert found.estimate.low <= found.estimate.value <= found.estimate.high


def test_where_answers_are_certain_the_estimate_is_the_truth():
    """Elkan and Noto's condition for e1: whatever can be an answer is one for certain."""
    rng = np.random.default_rng(2)
    n, c = 40_000, 0.4
    answer = rng.random(n) < 0.15
    planted = answer & (rng.random(n) < c)
    g = np.where(answer, c, 0.0)
    selected = rng.random(n) < 0.3
    found = estimated(g, hidden=planted, selected=selected, cluster=np.arange(n) // 20, seed=0, n_draws=300)
    assert found.labelled.value == pytest.approx(c)
    assert found.estimate.low <= answer[selected].mean() <= found.estimate.high
    assert found.estimate.value == pytest.approx(answer[selected].mean(), abs=0.01)


def test_posterior_of_the_unlabelled_is_bayes_rule():
    rng = np.random.default_rng(3)
    g, answer, planted, _ = _simulated(rng, n=400_000)
    p = p_unlabelled(g, 0.4)
    for low, high in ((0.05, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.38)):
        rows = (g >= low) & (g < high) & ~planted
        assert p[rows].mean() == pytest.approx(answer[rows].mean(), abs=0.012)
    assert p_unlabelled(np.array([1.0]), 0.4)[0] == 1.0
