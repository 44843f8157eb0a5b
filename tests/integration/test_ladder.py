"""A ladder as Python users climb it."""

import json

import polars as pl
import pytest

import hardneg as hn
from hardneg.ladders.work import do_task

TRAINING = {"batch_size": 4, "precision": "fp32", "learning_rate": 1e-3}


@pytest.fixture
def tasks(monkeypatch):
    """The tasks that were done, in this process: one of its own for each would take most of the time."""
    done = []

    def work(folder, task):
        done.append(task)
        do_task(folder, task)

    monkeypatch.setattr("hardneg.ladders.processes.in_process", lambda _: work)
    return done


@pytest.fixture
def climb(split_toy, bench, tmp_path):
    """Climb two rungs on a dataset that only this process has."""
    fixed = {"model": str(bench / "tiny"), "rungs": ["zero_shot", "in_batch"], "seeds": 1, "settings": TRAINING}

    def call(dataset=split_toy, **options):
        return hn.ladder(dataset, out=tmp_path / "ladder", budget_steps=2, **fixed | options)

    return call


def test_a_ladder_is_climbed_in_one_call_and_not_twice(climb, tasks, tmp_path):
    found = climb()
    assert tasks == ["probe", "climb-zero_shot", "climb-in_batch", "test-zero_shot", "test-in_batch"]
    assert found.found == json.loads((tmp_path / "ladder" / "ladder.json").read_text())
    assert (tmp_path / "ladder" / "report.html").exists()
    tasks.clear()
    assert climb().frame().equals(found.frame())
    assert tasks == []


def test_a_ladder_lays_out_what_its_rungs_measured_and_how_they_differ(climb, tasks):
    found = climb()
    table = found.frame()
    assert table["rung"].to_list() == ["zero_shot", "in_batch"]
    assert table["test"].null_count() == 0
    assert table["dev"].null_count() == 0  # the toy dataset has no development split; one was dealt
    assert found.best == max(table.iter_rows(named=True), key=lambda row: row["dev"])["rung"]
    difference = table["test"][1] - table["test"][0]
    assert found.comparisons()["difference"].to_list() == pytest.approx([difference])
    assert table["gain"][1] == pytest.approx(difference)
    assert repr(found) == f"Ladder: 2 rungs on toy, best on the development split: {found.best}, in {found.folder}"
    lines = str(found).splitlines()
    assert lines[:2] == [repr(found), "nDCG@10 of 6 test queries:"]
    assert lines[2].split()[:2] == ["zero_shot", f"{table['test'][0]:.4f}"]
    assert "<table" in found._repr_html_()


def test_another_dataset_in_the_same_folder_is_refused(climb, tasks, split_toy):
    climb()
    other = hn.Dataset(split_toy.queries, split_toy.documents.with_columns(pl.col("text") + "!"), split_toy.qrels)
    with pytest.raises(hn.errors.RunError, match="was dealt from other texts"):
        climb(other)


def test_a_ladder_that_is_refused_leaves_no_folder(climb, tmp_path):
    with pytest.raises(hn.errors.RecipeError, match="no rung, no preset"):
        climb(rungs=["zero_shto"])
    assert not (tmp_path / "ladder").exists()


def test_a_path_is_no_dataset(climb, tmp_path):
    with pytest.raises(hn.errors.DatasetError, match="read it first"):
        climb(tmp_path)
