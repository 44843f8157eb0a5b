"""`hardneg ladder`: rungs compared on the same queries, taken up again wherever they were stopped."""

import json
import signal

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.errors import Interrupted
from hardneg.ladder.work import do_task

RUNGS = ["bm25", "zero_shot", "in_batch", "bm25_negatives", "mined_filtered", "refresh"]
TRAINING = ["batch_size=4", "precision=fp32", "learning_rate=1e-3"]


@pytest.fixture(scope="session")
def laddered(bench, split_toy, tmp_path_factory):
    """The toy dataset with three splits."""
    query = pl.col("query")
    split = pl.when(query < 14).then(pl.lit("train")).when(query < 18).then(pl.lit("dev")).otherwise(pl.lit("test"))
    qrels = split_toy.qrels.with_columns(split.alias("split"))
    return Dataset(split_toy.queries, split_toy.documents, qrels, name="toy").write(tmp_path_factory.mktemp("three"))


@pytest.fixture
def in_here(monkeypatch):
    """Tasks are done in this process: a process for each would take most of the time."""
    done = []

    def work(folder, task):
        done.append(task)
        do_task(folder, task)

    monkeypatch.setattr("hardneg.ladder.processes.in_process", lambda command: work)
    return done


def command(data, model, out, *options, rungs=RUNGS, seeds=2):
    settings = [part for setting in TRAINING for part in ("--set", setting)]
    named = [part for rung in rungs for part in ("--rung", rung)]
    fixed = ["--model", model, "--seeds", seeds, "--source", 'dense(precision="fp32")', "-o", out]
    return [*map(str, ["ladder", data, *fixed, *settings, *named, *options])]


def test_a_ladder_from_plan_to_table(laddered, bench, tmp_path, in_here, capsys):
    asked = command(laddered, bench / "tiny", tmp_path, "--budget-steps", 6, "--json")
    assert main(asked) == 2
    assert "Nothing was begun: add --yes" in capsys.readouterr().err
    assert in_here == ["probe"]
    assert main([*asked, "--yes"]) == 0
    found = json.loads(capsys.readouterr().out)
    print(json.dumps(found, indent=1)[:6000])
    assert [rung["name"] for rung in found["rungs"]] == RUNGS
