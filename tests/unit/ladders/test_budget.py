from dataclasses import replace

import pytest

from hardneg.costs.speeds import Part, Speeds
from hardneg.errors import RecipeError
from hardneg.ladders.budget import Amounts, Costs, overview, with_steps
from hardneg.ladders.plan import Budget, LadderPlan
from hardneg.ladders.rungs import Shared, build_rungs
from hardneg.ladders.splits import Splits
from hardneg.sources import BM25
from hardneg.training.settings import TrainSettings

NAMES = ["zero_shot", "in_batch", "mined_filtered", "refresh", "ance"]
COUNTS = Amounts(documents=100, train=50, pairs=60, dev=10, test=20)
ENCODING = 100 * 0.1 + 50 * 0.02  # documents and training queries


@pytest.fixture
def costs():
    parts = {f"train {name} 0": Part(0.0, 0.5) for name in NAMES}
    parts |= {"train ance 0": Part(0.0, 1.0), "train ance 1": Part(0.0, 0.25)}
    parts |= {"documents tiny None": Part(0.0, 0.1), "queries tiny None": Part(0.0, 0.02)}
    return Costs(Speeds(parts | {f"search {BM25()!r}": Part(3.0, 0.01)}), COUNTS, start_s=2.0)


def plan(budget, names=NAMES, **train):
    shared = Shared(dataset="data", model="tiny", seeds=(1, 2), train={"negatives_per_row": 1, "batch_size": 8} | train)
    return LadderPlan(
        dataset="data",
        skip_invalid=False,
        fingerprint="f",
        splits=Splits("train", "dev", "test"),
        rungs=tuple(build_rungs(names, shared)),
        left_out={},
        seeds=(1, 2),
        training=TrainSettings(batch_size=8),
        budget=budget,
    )


def steps(ready):
    return {row["name"]: row["steps"] for row in overview(ready)}


def test_a_budget_in_steps_is_the_same_for_all(costs):
    ready = with_steps(plan(Budget(steps=30)), costs, default=7, pairs_a_step=8)
    assert steps(ready) == {"zero_shot": 0, "in_batch": 30, "mined_filtered": 30, "refresh": 30, "ance": 30}


def test_without_a_budget_all_do_the_steps_of_the_shared_epochs(costs):
    ready = with_steps(plan(Budget(), ["in_batch", "refresh"]), costs, default=7, pairs_a_step=8)
    assert steps(ready) == {"in_batch": 7, "refresh": 7}


def test_larger_batches_do_fewer_steps_over_as_many_pairs(costs):
    ready = with_steps(plan(Budget(steps=30), ["in_batch"], accumulate=3), costs, default=7, pairs_a_step=8)
    assert steps(ready) == {"in_batch": 10}


def test_minutes_leave_for_training_what_mining_does_not_take(costs):
    ready = with_steps(plan(Budget(minutes=2), NAMES[:4]), costs, default=7, pairs_a_step=8)
    mining = 2 + ENCODING + 2  # a process to search in, and one to filter in
    assert steps(ready) == {
        "zero_shot": 0,
        "in_batch": int(120 / 0.5),
        "mined_filtered": int((120 - mining) / 0.5),
        "refresh": int((120 - mining - 2 * ENCODING) / 0.5),
    }


def test_minutes_that_are_spent_before_training_are_refused(costs):
    with pytest.raises(RecipeError, match=r"rung mined_filtered needs about 0\.2 minutes before its first step"):
        with_steps(plan(Budget(minutes=0.2)), costs, default=7, pairs_a_step=8)


def test_the_plan_says_what_is_shared_and_what_is_a_rungs_own(costs):
    ready = with_steps(plan(Budget(steps=30), NAMES[:4]), costs, default=7, pairs_a_step=8)
    rows = {row["name"]: row for row in overview(ready)}
    assert rows["mined_filtered"]["shared_s"] == rows["refresh"]["shared_s"] == pytest.approx(4 + ENCODING)
    look, test = 100 * 0.1 + 10 * 0.02, 20 * 0.02
    assert rows["in_batch"]["own_s"] == pytest.approx(2 * (30 * 0.5 + look) + 2 * test + 2 * 2, abs=0.11)
    untuned, tuned = rows["in_batch"]["own_s"], replace(plan(Budget(steps=30)), tune={"learning_rate": (1e-5, 1e-4)})
    more = {row["name"]: row for row in overview(with_steps(tuned, costs, default=7, pairs_a_step=8))}
    assert more["in_batch"]["own_s"] == pytest.approx(untuned + 30 * 0.5 + look, abs=0.11)
