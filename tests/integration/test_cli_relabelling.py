"""Answers that a filter finds are trained on as positives, in a run and on a ladder; the test stays as it is."""

import json

import polars as pl
import pytest

from answer_toy import answer_toy
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from local_llm_server import KEY, serving, verdict

N_TRAIN, N_DEV = 80, 10

RECIPE = """
dataset = "{data}"
model = "{model}"
seeds = [0]

[[sources]]
use = "bm25"
analyzer = "plain"

[[filters]]
use = "teacher_threshold"
above = 0.5
relabel_above = 0.5
relabel = true

[filters.scorer]
use = "llm_judge"
base_url = "{url}"
model = "test"
backoff_s = 0.001

[mine]
depth = 8

[select]
per_query = 2

[train]
batch_size = 8
max_steps = 3
learning_rate = 1e-3
precision = "fp32"

[evaluate]
rows = []
"""


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch, tasks_here):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Half of each topic's answers are labelled; the last queries are the test, and the very last for development."""
    toy = answer_toy()
    query = pl.col("query")
    held_out = pl.when(query < toy.n_queries - N_DEV).then(pl.lit("test")).otherwise(pl.lit("dev"))
    split = pl.when(query < N_TRAIN).then(pl.lit("train")).otherwise(held_out)
    qrels = toy.qrels.with_columns(split=split)
    return Dataset(toy.queries, toy.documents, qrels, name="answers").write(tmp_path_factory.mktemp("three") / "data")


@pytest.fixture
def judged(data, bench, tmp_path):
    """A recipe whose judge knows every answer: those have two words of the query or more, noise has one."""

    def answer(asked):
        shared = set(asked.text("query").split()) & set(asked.text("document").split())
        return verdict("yes" if len(shared) > 1 else "no")

    with serving(answer) as server:
        recipe = tmp_path / "judged.toml"
        recipe.write_text(RECIPE.format(data=data, model=bench / "tiny", url=server.base_url))
        yield recipe


def climb(data, bench, out, *rungs, **settings):
    """Climb rungs by the command line; returns what `ladder.json` says of each."""
    given = {"batch_size": 8, "precision": "fp32", "learning_rate": 1e-3} | settings
    options = [part for rung in rungs for part in ("--rung", rung)]
    options += [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    fixed = ["--model", bench / "tiny", "--source", 'dense(precision="fp32")', "--seeds", 1, "--budget-steps", 3]
    assert main([*map(str, ["ladder", data, *fixed, *options, "-o", out, "--yes"])]) == 0
    return {rung["name"]: rung for rung in json.loads((out / "ladder.json").read_text())["rungs"]}


def trained_pairs(folder):
    (state,) = folder.glob("training/*/training.json")
    return json.loads(state.read_text())["result"]["n_pairs"]


def test_what_a_judge_over_a_network_takes_for_an_answer_is_trained_on_in_a_run_and_on_a_ladder(
    data, bench, judged, tmp_path, capsys
):
    labels = len(read_dataset(data).pairs_of("train")[0])
    rungs = climb(data, bench, tmp_path / "ladder", "zero_shot", judged)
    found = rungs["judged"]["found_positives"]
    assert 0 < found <= labels
    assert rungs["zero_shot"]["found_positives"] == 0
    assert f"judged trained on {found:,} answers that its filter found" in capsys.readouterr().out
    assert main(["run", str(judged), "-o", str(tmp_path / "run"), "--yes", "--quiet"]) == 0
    for folder in (tmp_path / "run", tmp_path / "ladder" / "rungs" / "judged"):
        assert trained_pairs(folder) == labels + found


def test_found_answers_are_of_training_queries_and_change_no_label_that_is_measured_by(data, bench, judged, tmp_path):
    dataset, out = read_dataset(data), tmp_path / "ladder"
    climb(data, bench, out, "zero_shot", judged)
    (place,) = out.glob("shared/mined/*/found_positives.parquet")
    listed = dataset.positions(pl.read_parquet(place))
    assert set(listed["query"]) <= set(dataset.queries_of("train").tolist())
    of_test = dataset.qrels.filter(pl.col("split") == "test", pl.col("relevance") > 0).height
    for name in ("zero_shot/evaluation/test", "judged/evaluation/test-seed0"):
        lines = (out / "rungs" / name / "qrels.trec").read_text().splitlines()
        assert sum(not line.endswith(" 0") for line in lines) == of_test


def test_the_rung_of_that_name_trains_on_what_the_learned_filter_finds(data, bench, tmp_path):
    labels = len(read_dataset(data).pairs_of("train")[0])
    rung = climb(data, bench, tmp_path / "ladder", "in_batch", "relabelled")["relabelled"]
    assert rung["steps"] == {"0": 3}
    assert trained_pairs(tmp_path / "ladder" / "rungs" / "relabelled") == labels + rung["found_positives"]
