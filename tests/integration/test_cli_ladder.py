"""`hardneg ladder`: rungs compared on the same queries, taken up again wherever they were stopped."""

import itertools
import json
import shutil
from statistics import fmean

import polars as pl
import pytest

from doctoring import change_json, change_weight, copy_of, kinds, wrong
from flipping import flip
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.evaluation.significance import compare, holm
from hardneg.ladders.work import do_task
from hardneg.progress import showing
from hardneg.reports.page import sections
from hardneg.reports.write import read_contents
from hardneg.verbs.verifying.summed import check_ladder
from stopping import StopDuring, weights

RUNGS = ["zero_shot", "in_batch", "mined_filtered", "refresh", "mix"]
TRAINING = ["batch_size=4", "precision=fp32", "learning_rate=1e-3"]


@pytest.fixture(scope="module")
def data(split_toy, tmp_path_factory):
    """The toy dataset with three splits."""
    query = pl.col("query")
    split = pl.when(query < 14).then(pl.lit("train")).when(query < 18).then(pl.lit("dev")).otherwise(pl.lit("test"))
    qrels = split_toy.qrels.with_columns(split.alias("split"))
    return Dataset(split_toy.queries, split_toy.documents, qrels, name="toy").write(tmp_path_factory.mktemp("three"))


@pytest.fixture(scope="module")
def done():
    """The tasks that were done, in this process: one of its own for each would take most of the time."""
    tasks = []

    def work(folder, task):
        tasks.append(task)
        do_task(folder, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hardneg.ladders.processes.in_process", lambda command: work)
        yield tasks


@pytest.fixture
def ladder(data, bench, done):
    """Call the command; returns its exit code."""

    def call(out, *options, rungs=("zero_shot", "in_batch"), seeds=1):
        settings = [part for setting in TRAINING for part in ("--set", setting)]
        named = [part for rung in rungs for part in ("--rung", rung)]
        fixed = ["--model", bench / "tiny", "--source", 'dense(precision="fp32")', "--seeds", seeds, "-o", out]
        done.clear()
        return main([*map(str, ["ladder", data, *fixed, *settings, *named, *options])])

    return call


@pytest.fixture(scope="module")
def climbed(data, bench, done, tmp_path_factory):
    """A ladder with a teacher, climbed to its top, and what it printed; read only."""
    out = tmp_path_factory.mktemp("climbed")
    rungs = [part for rung in RUNGS for part in ("--rung", rung)]
    teacher = f'bi_encoder(model="{bench / "tiny"}", precision="fp32")'
    options = ["--model", bench / "tiny", "--teacher", teacher, "--source", 'dense(precision="fp32")', "--seeds", 2]
    settings = [part for setting in TRAINING for part in ("--set", setting)]
    asked = ["ladder", data, *options, *settings, *rungs, "--budget-steps", 6, "--yes", "--quiet", "-o", out]
    assert main([*map(str, asked)]) == 0
    return out


@pytest.fixture(scope="module")
def found(climbed):
    return json.loads((climbed / "ladder.json").read_text())


def by_name(found):
    return {rung["name"]: rung for rung in found["rungs"]}


def test_every_rung_is_trained_for_the_same_steps_and_tested_with_every_seed(found):
    assert [rung["name"] for rung in found["rungs"]] == RUNGS
    for rung in found["rungs"]:
        assert rung["state"] == "done"
        assert len(rung["test"]["nDCG@10"]["seeds"]) == (2 if rung["trained"] else 1)
        assert rung["steps"] == ({"0": 6, "1": 6} if rung["trained"] else {})
        assert rung["dev"]["nDCG@10"]["n"] == 4
        assert rung["test"]["nDCG@10"]["n"] == 6


def test_each_rung_says_how_many_documents_its_pool_held(climbed, found):
    for name, rung in by_name(found).items():
        files = (climbed / "rungs" / name).glob("training/*/loss.jsonl")
        sizes = [json.loads(line)["n_pool"] for file in files for line in file.read_text().splitlines()]
        assert rung["n_pool"] == (pytest.approx(fmean(sizes), abs=0.05) if rung["trained"] else None)
    assert by_name(found)["mined_filtered"]["n_pool"] > by_name(found)["in_batch"]["n_pool"]


def test_comparisons_are_those_of_the_table_on_disk_and_corrected_together(climbed, found):
    table = pl.read_parquet(climbed / "per_query.parquet").filter(split="test")
    means = {
        name: rows.group_by("query_id").agg(pl.col("nDCG@10").mean())
        for (name,), rows in table.group_by("rung", maintain_order=True)
    }
    pairs = [(one["before"], one["after"]) for one in found["comparisons"]]
    assert pairs == [*itertools.pairwise(RUNGS), *(("zero_shot", rung) for rung in RUNGS[2:])]
    p_values = []
    for one in found["comparisons"]:
        again = compare(means[one["before"]], means[one["after"]], "nDCG@10")
        assert one["difference"] == pytest.approx(again.difference)
        assert (one["wins"], one["ties"], one["losses"]) == (again.wins, again.ties, again.losses)
        p_values.append(again.p_value)
    assert [one["p_corrected"] for one in found["comparisons"]] == pytest.approx(holm(p_values))


def test_what_rungs_share_is_done_once_and_counted_for_each(climbed, found):
    rungs = by_name(found)
    shared = {name: rungs[name]["cost"]["shared_s"] for name in RUNGS}
    assert shared["zero_shot"] == shared["in_batch"] == 0
    assert shared["mined_filtered"] == shared["refresh"] > 0
    assert shared["mix"] > shared["refresh"]
    assert rungs["mix"]["cost"]["teacher_calls"] > 0 == rungs["refresh"]["cost"]["teacher_calls"]
    kinds = [task["id"].partition("-")[0] for task in found["tasks"]]
    assert [kinds.count(kind) for kind in ("retrieve", "mine", "score")] == [1, 1, 1]
    assert len(list((climbed / "shared" / "mined").iterdir())) == 1
    for rung in found["rungs"]:
        assert (rung["cost"]["peak_gb"] > 0.01) == rung["trained"]


def test_the_status_of_a_ladder_says_what_its_rungs_measured(climbed, found, hardneg):
    told = hardneg("status", climbed)
    assert (told["command"], told["state"], told["tasks"]) == ("ladder", "finished", [])
    for rung in found["rungs"]:
        assert told["findings"][f"measured {rung['name']}"] == {"nDCG@10": rung["test"]["nDCG@10"]["value"]}


def test_refreshes_are_spread_over_the_steps(climbed):
    lines = (climbed / "rungs" / "refresh" / "training" / "mined-seed0" / "refresh.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_the_test_split_is_looked_at_when_all_rungs_are_there(found):
    kinds = [task["id"].partition("-")[0] for task in found["tasks"]]
    assert kinds[-len(RUNGS) :] == ["test"] * len(RUNGS)
    assert found["best_on_dev"] == max(RUNGS, key=lambda name: by_name(found)[name]["dev"]["nDCG@10"]["value"])


def test_finished_rungs_are_compared_like_runs(climbed, hardneg, tmp_path, capsys):
    paths = [climbed / "rungs" / name for name in ("zero_shot", "in_batch", "mix")]
    found = hardneg("compare", *paths, "-o", tmp_path)
    whole = json.loads((climbed / "ladder.json").read_text())
    assert "<html" in (climbed / "report.html").read_text()
    for rung in found["rungs"]:
        assert rung["test"] == by_name(whole)[rung["name"]]["test"]
    assert [(one["before"], one["after"]) for one in found["comparisons"]] == [
        ("zero_shot", "in_batch"),
        ("in_batch", "mix"),
        ("zero_shot", "mix"),
    ]
    assert json.loads((tmp_path / "comparison.json").read_text()) == found
    assert hardneg("compare", *paths, "--seed", 3, "--quiet")["seed"] == 3
    assert main(["compare", *map(str, paths)]) == 0
    assert "corrected for 3 comparisons" in capsys.readouterr().out


def test_the_page_of_a_ladder_shows_what_its_rungs_mined_trained_and_gained(climbed, found):
    contents = read_contents(climbed)
    assert [each.stage for each in contents.mined] == ["mined_filtered"]  # which refresh and mix share
    assert contents.mined[0].funnel["queries"] > 0
    assert [each.model for each in contents.trained[:4]] == [f"{name}-seed0" for name in RUNGS[1:]]
    figures = {figure.key: figure for section in sections(contents) for figure in section.figures}
    table = pl.read_parquet(climbed / "per_query.parquet").filter(split="test")
    means = table.group_by("rung", "query_id").agg(pl.col("nDCG@10").mean())
    gained = figures["gains-zero-shot"].frame()
    for side, name in (("before", "zero_shot"), ("after", found["best_on_dev"])):
        expected = means.filter(rung=name).sort("query_id")["nDCG@10"].to_list()
        assert gained.sort("query_id")[side].to_list() == pytest.approx(expected)
    first = climbed / "rungs" / found["best_on_dev"] / "evaluation" / "test-seed0" / "per_query.parquet"
    hits = pl.read_parquet(first).filter(pl.col("MRR@10") > 0).join(gained, on="query_id")
    assert hits["rank_after"].to_list() == [round(1 / value) for value in hits["MRR@10"]]
    assert contents.texts is not None


def test_nothing_begins_before_the_plan_was_agreed_to(ladder, tmp_path, done, capsys):
    assert ladder(tmp_path, "--budget-steps", 2) == 2
    shown = capsys.readouterr().err
    assert "The plan" in shown
    assert "in_batch" in shown
    assert "Nothing was begun: add --yes" in shown
    assert done == ["probe"]


def test_a_rung_that_fails_stops_no_other_and_is_tried_again(ladder, tmp_path, done, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("hardneg.ladders.work.train_stages", lambda *_, **__: 1 / 0)
        assert ladder(tmp_path, "--budget-steps", 2, "--yes", "--json") == 1
    rungs = by_name(json.loads(capsys.readouterr().out))
    assert (rungs["in_batch"]["state"], rungs["zero_shot"]["state"]) == ("failed", "done")
    assert rungs["in_batch"]["message"] == "ZeroDivisionError: division by zero"
    assert ladder(tmp_path, "--budget-steps", 2, "--yes", "--quiet") == 0
    assert done == ["climb-in_batch", "test-in_batch"]
    capsys.readouterr()
    assert ladder(tmp_path, "--budget-steps", 2) == 0  # it was agreed to before
    assert done == []
    shown = capsys.readouterr()
    assert "corrected for 1 comparison (Holm)" in shown.out
    assert "The plan" not in shown.err


def test_a_ladder_stopped_by_ctrl_c_goes_on_to_the_same_weights(ladder, climbed, tmp_path, done, capsys, hardneg):
    options = ["--budget-steps", 6, "--yes", "--quiet"]
    with showing(StopDuring("training", 30)):  # 20 pairs in the probe, then those of the rung
        assert ladder(tmp_path, *options, seeds=2) == 3
    assert "the same command goes on" in capsys.readouterr().err
    assert done == ["probe", "climb-zero_shot", "climb-in_batch"]
    told = hardneg("status", tmp_path)
    climbing = told["tasks"][0]
    assert (told["state"], climbing["name"], climbing["done"]) == ("interrupted", "climbing", 1)
    assert ladder(tmp_path, *options, seeds=2) == 0
    for seed in (0, 1):
        place = f"rungs/in_batch/training/in_batch-seed{seed}"
        assert weights(tmp_path / place) == weights(climbed / place)


def test_settings_are_chosen_on_the_development_split(ladder, tmp_path, capsys):
    asked = ["--budget-steps", 3, "--tune", "learning_rate=1e-7,3e-2", "--yes", "--json"]
    assert ladder(tmp_path, *asked) == 0
    rung = by_name(json.loads(capsys.readouterr().out))["in_batch"]
    assert [one["settings"]["learning_rate"] for one in rung["tried"]] == [1e-7, 3e-2]
    best = max(rung["tried"], key=lambda one: one["dev"])
    assert rung["tuned"] == best["settings"]
    assert rung["dev"]["nDCG@10"]["value"] == best["dev"]
    assert rung["cost"]["tuning_s"] > 0


def test_another_ladder_in_the_same_folder_is_refused(ladder, climbed, capsys):
    assert ladder(climbed, "--budget-steps", 5, seeds=2) == 2
    assert "holds a ladder with another budget" in capsys.readouterr().err


def test_verify_finds_a_ladder_fine_and_what_was_changed_in_it(climbed, tmp_path):
    checks = kinds(climbed)
    assert not {what for what, state in checks if state == "wrong"}
    fine = {what for what, state in checks if state == "fine"}
    assert fine >= {"checksums", "funnel", "labels", "filters", "scores", "training", "model", "metrics", "figures"}
    doctored = copy_of(climbed, tmp_path / "ladder")
    change_json(doctored / "ladder.json", lambda state: state["comparisons"][0].update(p_corrected=0.001))
    assert [each.state for each in check_ladder(doctored, where=".")] == ["wrong"]
    change_json(doctored / "ladder.json", lambda state: state["rungs"][1]["test"][state["measure"]].update(value=0.99))
    change_weight(doctored / "best" / "model")
    scores = next(doctored.rglob("scores/*.parquet"))
    pl.read_parquet(scores).with_columns(score=pl.col("score") + 0.5).write_parquet(scores)
    place = str(scores.relative_to(doctored))
    assert wrong(doctored) == [("model", "best/model"), ("scores", place), ("figures", ".")]


def test_a_ladder_that_was_moved_or_whose_plan_is_damaged_goes_on(ladder, done, tmp_path, caplog):
    assert ladder(tmp_path / "here", "--budget-steps", 2, "--yes", "--quiet") == 0
    moved = shutil.move(tmp_path / "here", tmp_path / "there")
    flip(moved / "plan.json", 99)
    flip(moved / "ladder.json", 99)
    assert ladder(moved, "--budget-steps", 2, "--yes", "--quiet") == 0
    assert "plan.json is damaged; it is made anew from .plan.json.copy" in caplog.text
    assert done == []
    assert wrong(moved) == []
    place = moved / "rungs" / "in_batch"
    beside = [next(place.glob(f"evaluation/dev*/{name}")) for name in ("run.trec", "qrels.trec")]
    beside.append(next(place.rglob("vectors.json")))
    whole = {path: path.read_bytes() for path in beside}
    for path in beside:
        flip(path, 99)
    assert ladder(moved, "--budget-steps", 2, "--yes", "--quiet") == 0
    assert {path: path.read_bytes() for path in beside} == whole
    assert not list(place.glob("vectors/*"))
