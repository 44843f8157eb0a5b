"""Bills of judges: the pairs counted beforehand are those that are asked about afterwards."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from answer_toy import SharedWords, answer_toy
from hardneg.audits.frontier import frontier
from hardneg.audits.planted import audit_planted
from hardneg.audits.sweep import sweep, teacher_thresholds
from hardneg.costs import bills
from hardneg.costs.bills import audit_bills, mining_bills
from hardneg.filters import Learned, NearDuplicate, RankWindow
from hardneg.filters.teacher_threshold import TeacherThreshold
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import mine
from hardneg.planting.planting import plant_each
from hardneg.scoring.llm.cost import CostEstimate
from hardneg.sources import BM25

SEEDS = (0, 1)


@dataclass(frozen=True)
class Paid(SharedWords):
    """Notes down each different pair that it scores."""

    asked: set = field(default_factory=set, compare=False, repr=False)
    self_storing = True

    def score(self, dataset, query, document):
        self.asked.update(zip(query.tolist(), document.tolist(), strict=True))
        return super().score(dataset, query, document)

    def estimate(self, dataset, query, document):
        assert len(set(zip(query.tolist(), document.tolist(), strict=True))) == len(query)
        characters = dataset.document_texts.gather(document).str.len_chars().sum()
        return CostEstimate(len(query), 0, int(characters), 0, float(len(query)))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def dataset():
    return answer_toy(n_queries=60)


def plan(*filters):
    return Plan("train", (BM25(analyzer="plain"),), filters, Selection(per_query=2), depth=12)


def run_mine(dataset, made):
    kept = {name: getattr(made, name) for name in ("split", "sources", "filters", "select", "depth", "seed")}
    return mine(dataset, **kept)


def test_mining_asks_about_the_pairs_that_were_counted(dataset, monkeypatch):
    judge = Paid()
    made = plan(NearDuplicate(), RankWindow("bm25", low=3), TeacherThreshold(judge, above=0.3), RankWindow("bm25"))
    whole = mining_bills(dataset, made)
    assert not judge.asked
    run_mine(dataset, made)
    assert [(each.judge, each.n_pairs) for each in whole] == [("shared_words", len(judge.asked))]
    assert whole[0].price == len(judge.asked)
    monkeypatch.setattr(bills, "_QUERIES", 7)
    monkeypatch.setattr(bills, "_PAIRS", 11)
    assert mining_bills(dataset, made) == whole


def test_a_plan_without_a_judge_costs_nothing_not_even_time(dataset, monkeypatch):
    monkeypatch.setattr(bills, "gather", None)
    assert mining_bills(dataset, plan(NearDuplicate(), TeacherThreshold(SharedWords(), above=0.3))) == []
    assert audit_bills(dataset, [plan(RankWindow("bm25"))], plant_each(dataset, "train", seeds=SEEDS)) == []


def test_a_second_judge_is_asked_at_most_about_what_was_counted(dataset):
    first, second = Paid(), Paid(name="second")
    made = plan(TeacherThreshold(first, above=0.3), TeacherThreshold(second, above=0.1))
    bills = mining_bills(dataset, made)
    run_mine(dataset, made)
    assert [each.judge for each in bills] == ["shared_words", "second"]
    assert bills[0].n_pairs == len(first.asked)
    assert len(second.asked) < bills[1].n_pairs == len(first.asked)


def test_what_fitting_a_learned_filter_asks_is_counted_too(dataset):
    judge = Paid()
    made = plan(TeacherThreshold(judge, above=0.9), Learned(budget=0.1))
    found = mining_bills(dataset, made)
    run_mine(dataset, made)
    assert found[0].n_pairs == len(judge.asked)


def test_a_learned_filter_that_looks_at_a_judge_asks_when_it_is_fitted_and_applied(dataset):
    judge = Paid()
    made = plan(NearDuplicate(), Learned(budget=0.1, scorer=judge))
    found = mining_bills(dataset, made)
    run_mine(dataset, made)
    assert found[0].n_pairs == len(judge.asked)


def test_a_learned_filter_before_the_judge_is_taken_to_refuse_nothing(dataset):
    judge = Paid()
    made = plan(Learned(budget=0.01), TeacherThreshold(judge, above=0.9))
    found = mining_bills(dataset, made)
    run_mine(dataset, made)
    assert found[0].n_pairs > len(judge.asked)


def test_an_audit_asks_about_the_pairs_that_were_counted(dataset):
    judge = Paid()
    made = plan(NearDuplicate(), TeacherThreshold(judge, above=0.9))
    counted = audit_bills(dataset, [made], plant_each(dataset, "train", seeds=SEEDS, max_queries=20))
    assert not judge.asked
    audit_planted(dataset, made, seeds=SEEDS, max_queries=20)
    assert counted[0].n_pairs == len(judge.asked)


def test_the_frontier_asks_once_for_all_thresholds(dataset):
    judge = Paid()
    variants = sweep(plan(NearDuplicate()), further=teacher_thresholds(judge))
    plantings = plant_each(dataset, "train", seeds=SEEDS, max_queries=20)
    counted = audit_bills(dataset, variants.values(), plantings)
    assert not judge.asked
    frontier(dataset, variants, seeds=SEEDS, max_queries=20)
    assert [each.n_pairs for each in counted] == [len(judge.asked)]


def test_estimates_add_up_and_know_no_price_if_one_has_none():
    one, other = CostEstimate(3, 1, 100, 20, 0.5), CostEstimate(2, 0, 10, 2, 1.0)
    assert one + other == CostEstimate(5, 1, 110, 22, 1.5)
    assert (one + CostEstimate(0, 0, 0, 0, None)).price is None
    assert np.sum([one.n_asked, other.n_asked]) == (one + other).n_asked
