"""What counts as the same plan on the same dataset."""

from dataclasses import replace

import pytest

from answer_toy import SharedWords, answer_toy
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError, RecipeError, RunError
from hardneg.filters import Learned
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25

PLAN = Plan("train", (BM25(analyzer="plain"),), (Learned(group="group", max_queries=60),), Selection(per_query=2), 12)


def toy(n_groups) -> Dataset:
    return answer_toy(n_queries=60, groups=[f"g{i % n_groups}" for i in range(60)])


def test_other_values_of_the_column_that_groups_are_another_plan():
    one, other = toy(12), toy(10)
    assert one.fingerprint == other.fingerprint
    assert PLAN.key(one) == PLAN.key(toy(12))
    assert PLAN.key(one) != PLAN.key(other)
    ungrouped = replace(PLAN, filters=(Learned(),))
    assert ungrouped.key(one) == ungrouped.key(other)
    assert "groups" not in ungrouped.identity(one)


def test_a_value_that_is_missing_is_not_an_empty_one():
    groups = ["a", *["b"] * 59]
    empty, missing = (answer_toy(n_queries=60, groups=[value, *groups[1:]]) for value in ("", None))
    assert PLAN.key(empty) != PLAN.key(missing)


def test_mining_does_not_go_on_with_another_grouping(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    options = {"sources": PLAN.sources, "filters": PLAN.filters, "select": PLAN.select, "depth": PLAN.depth}
    mine(toy(12), **options, out=tmp_path / "run")
    with pytest.raises(RunError, match="mined with another groups"):
        mine(toy(10), **options, out=tmp_path / "run")


def test_a_column_that_is_not_there_is_refused_before_anything_is_written(tmp_path):
    learned = Learned(group="author")
    with pytest.raises(RecipeError, match="names the column 'author', but the queries have: group"):
        mine(toy(12), sources=PLAN.sources, filters=[learned], out=tmp_path / "run")
    assert not (tmp_path / "run" / "mining.json").exists()


def test_a_plan_that_cannot_be_fitted_can_be_mended_in_the_same_folder(tmp_path):
    options = {"sources": PLAN.sources, "select": PLAN.select, "depth": PLAN.depth, "out": tmp_path / "run"}
    with pytest.raises(DatasetError, match=r"raise the filter's max_queries \(now 3\)"):
        mine(toy(12), filters=[Learned(max_queries=3)], **options)
    assert mine(toy(12), filters=[], **options).negatives.height


def test_the_teacher_of_a_learned_filter_counts(monkeypatch):
    learned = replace(PLAN, filters=(Learned(scorer=SharedWords()),))
    before = learned.key(toy(12))
    monkeypatch.setattr(SharedWords, "fingerprint", lambda _: "shared_words 2")
    assert learned.key(toy(12)) != before
