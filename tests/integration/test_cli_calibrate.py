"""`hardneg calibrate`: the filter for a budget, as lines that a recipe takes."""

import json
import tomllib
from pathlib import Path

import pytest

import hardneg as hn
from answer_toy import answer_toy
from hardneg.cli.app import main
from hardneg.filters import Learned
from hardneg.sources import BM25


def test_the_best_setting_keeps_the_budget_and_is_the_hardest_of_those_that_do():
    dataset = answer_toy()
    mining = {"sources": [BM25(analyzer="plain")], "filters": [], "per_query": 2, "depth": 20}
    found = hn.calibrate(dataset, budget=0.2, seeds=1, floor=0.5, **mining)
    frame = found.within
    assert set(found.frame().filter("within")["setting"]) == set(frame["setting"])
    assert found.best is None or tomllib.loads(found.recipe)
    assert (frame["leakage"] <= 0.2).all()
    if found.best is not None:
        assert frame["equal_score"].max() == frame["equal_score"][0]
        assert found.filters == found.plans[found.best].filters
    learned = [plan.filters[0] for name, plan in found.plans.items() if name.startswith("learned")]
    assert [each.budget for each in learned] == pytest.approx([0.2, 0.1, 0.05])
    assert all(isinstance(each, Learned) and each.fitted is None for each in learned)


def test_the_command_prints_recipe_lines(tmp_path, capsys):
    folder = answer_toy().write(tmp_path / "data")
    options = ["--source", "bm25(analyzer='plain')", "--budget", "0.5", "--seeds", "1", "--floor", "0.1"]
    code = main(["calibrate", str(folder), *options, "--per-query", "2", "--depth", "20", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown["budget"] == 0.5
    assert {row["filter"] for row in shown["frontier"]} >= {"none", "learned", "rank_window.bm25"}
    if shown["best"] not in (None, "none"):
        assert tomllib.loads(shown["recipe"])["filters"]


def test_the_result_lies_in_a_folder_where_report_and_status_find_it(tmp_path, hardneg):
    folder, out = answer_toy().write(tmp_path / "data"), tmp_path / "run"
    options = ["--source", "bm25(analyzer='plain')", "--budget", "0.5", "--seeds", "1", "--floor", "0.1"]
    shown = hardneg("calibrate", folder, *options, "--per-query", 2, "--depth", 20, "--out", out)
    assert json.loads((out / "calibrate.json").read_text()) == shown
    told = hardneg("status", out)
    assert (told["command"], told["state"]) == ("calibrate", "finished")
    assert told["findings"]["audit, calibration"] == {"budget": 0.5, "best": shown["best"] or "none"}
    (out / ".status.json").unlink()
    assert hardneg("status", out)["state"] == "finished"
    page = Path(hardneg("report", out)["path"]).read_text()
    assert "rank_window.bm25" in page
    assert shown["caveats"][0] in page


def test_a_teachers_thresholds_are_tried_and_the_recipe_lines_carry_the_scorer(tmp_path, capsys):
    folder = answer_toy(n_noise=300).write(tmp_path / "data")
    options = ["--source", "bm25(analyzer='plain')", "--budget", "0.001", "--seeds", "1", "--floor", "0.1"]
    options += ["--per-query", "2", "--depth", "20", "--scorer", "answer_toy:SharedWords(name='judge')", "--json"]
    assert main(["calibrate", str(folder), *options]) == 0
    shown = json.loads(capsys.readouterr().out)
    tried = {(row["filter"], row["setting"]) for row in shown["frontier"]}
    assert {("teacher_threshold.ratio", "ratio=0.5"), ("teacher_threshold.above", "above=0.1")} <= tried
    assert {name for name, _ in tried} >= {"learned", "learned+teacher"}
    filters = tomllib.loads(shown["recipe"])["filters"]
    assert filters[-1]["scorer"] == {"use": "answer_toy:SharedWords", "name": "judge"}


def test_an_unknown_scorer_is_refused_before_the_work(tmp_path, capsys):
    folder = answer_toy().write(tmp_path / "data")
    assert main(["calibrate", str(folder), "--source", "bm25", "--scorer", "cross"]) == 2
    assert "unknown scorer 'cross'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [(("--floor", "9"), "--floor is 9"), (("--plot", "x.txt"), "x.txt: a plot is one of")],
)
def test_what_does_not_fit_is_refused_before_the_work(refusal, tmp_path, options, problem):
    assert problem in refusal("calibrate", tmp_path / "no dataset", "--source", "bm25", *options)


def test_a_budget_out_of_range_is_refused(tmp_path, capsys):
    folder = answer_toy().write(tmp_path / "data")
    assert main(["calibrate", str(folder), "--source", "bm25", "--budget", "1"]) == 2
    assert "--budget is 1" in capsys.readouterr().err
