from dataclasses import replace

import numpy as np
import pytest
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from answer_toy import answer_toy
from hardneg.errors import RecipeError
from hardneg.filters import Learned, PositiveMargin
from hardneg.filters.learned.model import AnswerModel
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.planting import evidence
from hardneg.planting.fitting import fit_filters, fit_learned
from hardneg.planting.telling import Auc, Telling, clustered_auc, doubts_of
from hardneg.sources import BM25

LEARNED = Learned(max_queries=120)
PLAN = Plan("train", (BM25(analyzer="plain"),), (), Selection(per_query=2), depth=15)


@pytest.fixture(autouse=True)
def _fit_anew(monkeypatch):
    monkeypatch.setattr(evidence, "_FEW_QUERIES", 100)
    evidence.evidence_of.cache_clear()


def drawn(rng, n_clusters):
    """Rows of queries whose scores share a shift, some of them answers that score higher by one."""
    size = rng.integers(3, 9, n_clusters)
    cluster = np.repeat(np.arange(n_clusters), size)
    positive = rng.random(len(cluster)) < 0.3
    value = np.repeat(rng.normal(size=n_clusters), size) + positive + rng.normal(size=len(cluster))
    return np.round(value, 1), positive, cluster  # rounded: some are equal


def test_the_area_is_that_of_scikit_learn_and_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = clustered_auc(*drawn(rng, 40_000)).value
    held = []
    for _ in range(400):
        value, positive, cluster = drawn(rng, 60)
        area = clustered_auc(value, positive, cluster)
        assert area.value == pytest.approx(roc_auc_score(positive, value), abs=1e-12)
        held.append(area.low <= truth <= area.high)
    assert 0.91 < np.mean(held) < 0.98


def test_the_error_is_about_that_of_resampled_clusters():
    rng = np.random.default_rng(1)
    value, positive, cluster = drawn(rng, 150)
    area = clustered_auc(value, positive, cluster)
    rows = [np.flatnonzero(cluster == number) for number in range(150)]
    again = []
    for _ in range(400):
        some = np.concatenate([rows[number] for number in rng.integers(0, 150, 150)])
        again.append(roc_auc_score(positive[some], value[some]))
    assert (area.high - area.low) / (2 * 1.96) == pytest.approx(np.std(again), rel=0.2)


def test_rows_in_any_order_and_a_single_kind():
    rng = np.random.default_rng(2)
    value, positive, cluster = drawn(rng, 30)
    order = rng.permutation(len(value))
    one, other = (clustered_auc(value[o], positive[o], cluster[o]) for o in (order, np.arange(len(value))))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    assert clustered_auc(value, np.zeros(len(value), dtype=bool), cluster) is None
    assert clustered_auc(np.array([2.0, 1.0]), np.array([True, False]), np.array([0, 1])) == Auc(1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("several", "beside", "answers", "doubts"),
    [
        (0.15, 30, 0.1, []),
        (0.14, 30, 0.1, ["one answer each"]),
        (0.15, 29, 0.1, ["one answer each"]),
        (0.15, 30, 0.11, ["answers left"]),
        (0.0, 0, 1.0, ["one answer each", "answers left"]),
    ],
)
def test_doubts(several, beside, answers, doubts):
    assert doubts_of(Telling(Auc(0.9, 0.8, 1.0), several, beside, 0.9, 0.8), answers=answers) == doubts


def mined(plan, dataset):
    candidates, negatives = mine_block(dataset, dataset.queries_of("train"), plan)
    return candidates.drop("p_planted", "p_positive", strict=False), negatives.drop("p_positive")


def test_in_doubt_the_margin_judges_and_keeps_what_it_keeps(tmp_path):
    single = answer_toy(labelled=1)
    margin = replace(PLAN, filters=(PositiveMargin(ratio=0.95, score="bm25"),))
    plan = fit_filters(replace(PLAN, filters=(LEARNED,)), single, tmp_path)
    assert AnswerModel.load(tmp_path / "learned-0.npz").margin == "bm25"
    candidates, negatives = mined(plan, single)
    _, by_margin = mined(margin, single)
    assert_frame_equal(negatives, by_margin)
    assert "learned" in set(candidates["dropped_by"])
    stubborn = fit_filters(replace(PLAN, filters=(replace(LEARNED, in_doubt="learned"),)), single, tmp_path / "it")
    assert AnswerModel.load(tmp_path / "it" / "learned-0.npz").margin is None
    assert not mined(stubborn, single)[1].equals(by_margin)


def test_a_fit_says_what_it_rests_on():
    _, single = fit_learned(LEARNED, PLAN, answer_toy(labelled=1))
    assert (single.doubts[0], single.judge, single.several, single.beside) == ("one answer each", "margin", 0, 0)
    assert single.auc_beside is single.auc_margin is None
    _, several = fit_learned(replace(LEARNED, in_doubt="learned"), PLAN, answer_toy(labelled=3))
    assert several.beside == several.retrieved == 240
    assert several.several == 1
    assert several.auc_beside == pytest.approx(several.auc)
    assert several.auc_low < several.auc < several.auc_high
    assert several.judge == "learned"
    assert 0 < several.p_candidate < 1
    assert several.answers >= several.p_negative


def test_whoever_judges_in_doubt_is_part_of_a_filters_name_unless_it_is_the_default():
    assert "in_doubt" not in repr(LEARNED)
    assert repr(replace(LEARNED, in_doubt="learned")) == repr(LEARNED)[:-1] + ", in_doubt='learned')"
    with pytest.raises(RecipeError, match='in_doubt is \'nobody\'; set it to "margin" or "learned"'):
        Learned(in_doubt="nobody")
