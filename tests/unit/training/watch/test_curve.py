"""What is kept of looks, and what follows from them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.training.watch.curve import Curve, Look, fall, is_clear, is_spent
from hardneg.training.watch.sample import Sampled
from hardneg.training.watch.settings import Watch

ABOUT = Sampled("dev", 30, 60, 200, 900)


def curve_of(folder, levels, *, watch=None, noise=0.05, seed=0):
    """A curve of thirty queries whose values lie around some levels, one look every ten steps."""
    curve, looks, rng = Curve(folder), list[Look](), np.random.default_rng(seed)
    own = rng.uniform(-0.2, 0.2, 30)
    curve.begin(ABOUT, watch or Watch(), measure="nDCG@10", steps=10 * len(levels))
    for at, level in enumerate(levels):
        values = level + own + noise * rng.standard_normal(30)
        looks.append(Look.after(looks, 10 * at, at / 2, float(values.mean()), seconds=0.1))
        curve.add(looks[-1], pl.DataFrame({"query_id": [f"q{i}" for i in range(30)], "value": values}))
    return curve


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 4))
def test_the_first_of_equal_ones_is_the_best_and_patience_counts_the_looks_after_it(values, patience):
    looks = list[Look]()
    for at, value in enumerate(values):
        looks.append(Look.after(looks, at, float(at), float(value), seconds=0.0))
    best = values.index(max(values))
    assert looks[-1].best == best
    assert is_spent(looks, patience) == (len(values) - 1 - best >= patience)
    assert not is_spent(looks, None)


def test_what_is_written_is_read_and_cut_back(tmp_path):
    curve = curve_of(tmp_path, [0.4, 0.6, 0.5])
    assert [look.step for look in curve.looks()] == [0, 10, 20]
    assert curve.values().height == 90
    curve.cut(10)
    assert [(look.step, look.best) for look in curve.looks()] == [(0, 0), (10, 10)]
    assert curve.values()["step"].unique().sort().to_list() == [0, 10]
    watched = curve.watched()
    assert (watched.first.step, watched.best.step, watched.last.step, watched.about) == (0, 10, 10, ABOUT)
    assert Curve(tmp_path / "nothing").watched() is None


def test_weights_are_forgotten_but_those_that_are_needed(tmp_path):
    curve = Curve(tmp_path)
    for step in (0, 10, 20):
        curve.weights(step).mkdir(parents=True)
    curve.forget_weights(but=[20, 10])
    assert sorted(folder.name for folder in (tmp_path / "best").iterdir()) == ["step-00000010", "step-00000020"]


def test_a_clear_fall_is_a_finding_and_a_slight_one_is_none(tmp_path):
    finding = fall(curve_of(tmp_path / "fell", [0.3, 0.6, 0.5]))
    assert (finding.code, finding.severity) == ("HN045", "warning")
    assert "after step 10 (0.5 epochs)" in finding.detail
    assert 'watch.keep = "best"' in finding.remedy
    assert fall(curve_of(tmp_path / "level", [0.3, 0.6, 0.599])) is None
    assert fall(curve_of(tmp_path / "rose", [0.3, 0.5, 0.6])) is None
    assert fall(curve_of(tmp_path / "kept", [0.3, 0.6, 0.5], watch=Watch(keep="best"))) is None
    assert "before training" in fall(curve_of(tmp_path / "harm", [0.6, 0.5, 0.4])).detail
    assert fall(Curve(tmp_path / "none")) is None


def test_noise_alone_is_rarely_called_a_fall(tmp_path):
    """Sixteen looks at a level curve: the last is below the luckiest of them, and that is no finding."""
    curves = [curve_of(tmp_path / str(seed), [0.5] * 16, seed=seed) for seed in range(40)]
    assert sum(fall(curve) is not None for curve in curves) <= 4


@pytest.mark.parametrize(("comparisons", "clear"), [(1, True), (20, False)])
def test_more_looks_ask_for_more(comparisons, clear):
    lost = np.r_[np.full(20, 0.1), np.full(10, -0.1)]  # mean 1.9 standard errors above 0
    lost = lost + (2.2 * lost.std(ddof=1) / np.sqrt(30) - lost.mean())
    assert is_clear(lost, comparisons=comparisons) == clear


def test_words_say_what_was_seen(tmp_path):
    curve = curve_of(tmp_path, [0.3, 0.6, 0.5, 0.4], watch=Watch(patience=2))
    text = str(curve.watched())
    assert text.startswith("nDCG@10 on 30 of 60 queries of dev against 200 of 900 documents: higher than against all; ")
    assert "at step 10" in text
    assert "the model is that of the last step" in text
    early = replace(curve.watched(), stopped=True, whole=0.25)
    assert "training stopped early" in str(early)
    assert "0.2500 on all queries against all documents" in str(early)
