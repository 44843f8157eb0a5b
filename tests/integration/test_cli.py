"""The commands that do one stage each."""

import json
import re
import subprocess
import sys

import polars as pl
import pytest

from answer_toy import answer_toy
from hardneg import __version__
from hardneg.cli import main


@pytest.fixture(scope="module")
def mined(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "run"
    sources = ["--source", "bm25(analyzer='plain')", "--source", "dense(precision='fp32')"]
    sources += ["--filter", "near_duplicate"]
    options = ["--model", str(bench / "tiny"), "--per-query", "2", "--depth", "9", "--quiet"]
    assert main(["mine", str(bench / "data"), "-o", str(out), *sources, *options]) == 0
    return out


def test_mine_writes_negatives_and_says_what_became_of_the_candidates(bench, tmp_path, hardneg, capsys):
    command = ["mine", bench / "data", "-o", tmp_path / "run", "--source", "bm25(analyzer='plain')"]
    command += ["--source", "random", "--filter", "near_duplicate", "--per-query", 3, "--depth", 9]
    found = hardneg(*command)
    assert found["folder"] == str(tmp_path / "run")
    assert found["queries"] == 18
    assert set(found["sources"]) == {"bm25", "random"}
    negatives = pl.read_parquet(tmp_path / "run" / "negatives" / "*.parquet")
    assert negatives.height == found["selected"]
    assert {"query_id", "doc_id", "source", "rank", "score"} <= set(negatives.columns)
    assert main([*map(str, command)]) == 0
    shown = capsys.readouterr().out
    assert "From candidates to negatives, 18 queries" in shown
    assert "known_positives" in shown


def test_mine_takes_its_plan_from_a_recipe_and_options_override_it(bench, tmp_path, hardneg):
    found = hardneg("mine", bench / "data", "-o", tmp_path / "run", "--recipe", bench / "small.toml", "--depth", 5)
    claimed = json.loads((tmp_path / "run" / "mining.json").read_text())
    assert claimed["depth"] == 5
    assert "per_query=2" in claimed["select"]
    assert set(found["sources"]) == {"bm25", "dense"}


@pytest.mark.parametrize("with_negatives", [False, True])
def test_train_makes_a_model_that_evaluate_measures(bench, mined, tmp_path, hardneg, with_negatives):
    negatives = ["--negatives", mined] if with_negatives else []
    settings = ["--set", "batch_size=8", "--set", "precision=fp32", "--set", "epochs=1"]
    trained = hardneg("train", bench / "data", "-o", tmp_path / "t", "--model", bench / "tiny", *negatives, *settings)
    assert trained["path"] == str(tmp_path / "t" / "model")
    assert (trained["n_pairs"], trained["n_steps"]) == (24, 4)
    inputs = json.loads((tmp_path / "t" / "training.json").read_text())["inputs"]
    assert (inputs["negatives"] is not None) == with_negatives
    model = trained["path"]
    found = hardneg("evaluate", bench / "data", "--model", model, "--depth", 10, "-o", tmp_path / "e")
    assert list(found) == [model]
    assert found[model]["nDCG@10"]["n"] == 6
    assert (tmp_path / "e" / "metrics.json").exists()


def test_evaluate_puts_systems_beside_each_other(bench, tmp_path, hardneg, capsys):
    command = ["evaluate", bench / "data", "--model", bench / "tiny", "--bm25", "plain", "-o", tmp_path]
    found = hardneg(*command)
    assert list(found) == ["bm25", str(bench / "tiny")]
    assert "reading" not in found["bm25"]
    assert found[str(bench / "tiny")].pop("reading")["query"]["limit"] == 64
    for figures in found.values():
        assert {"nDCG@10", "MRR@10", "Recall@10", "Recall@100", "MAP@100"} == set(figures)
        assert all(one["low"] <= one["value"] <= one["high"] for one in figures.values())
    of_bm25, of_model = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert of_bm25 == "bm25"
    assert of_model.endswith(f"{bench.name}_tiny")
    assert main([*map(str, command)]) == 0
    assert "Mean over queries" in capsys.readouterr().out


def test_export_writes_what_was_mined(bench, mined, tmp_path, hardneg):
    out = tmp_path / "rows.jsonl"
    found = hardneg("export", bench / "data", mined, "-o", out, "--form", "triplet", "--ids")
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    wanted = {"path": str(out), "rows": len(rows), "columns": list(rows[0])}
    assert {name: found[name] for name in wanted} == wanted
    assert (found["found_positives"], found["dropped_answers"]) == (0, 0)
    assert found["files"] == {out.name: len(rows)}
    assert {"query", "positive", "negative"} <= set(rows[0])


@pytest.fixture
def with_found(bench, tmp_path, hardneg):
    """A run in which some candidates were found to be answers."""
    run = tmp_path / "run"
    hardneg("mine", bench / "data", "-o", run, "--source", "bm25(analyzer='plain')", "--filter", "near_duplicate")
    undecided = pl.read_parquet(run / "candidates" / "*.parquet").filter(pl.col("dropped_by").is_null())
    chosen = pl.read_parquet(run / "negatives" / "*.parquet")
    others = undecided.join(chosen, on=["query_id", "doc_id"], how="anti").unique("query_id", maintain_order=True)
    unknown = pl.lit(None, dtype=pl.Float32)
    found = others.head(5).select(
        "query_id", "doc_id", found_by=pl.lit("learned"), teacher_score=unknown, p_positive=unknown
    )
    assert found.height == 5
    found.write_parquet(run / "found_positives.parquet")
    return run, found


def test_export_of_a_folder_says_what_lies_in_it_and_what_it_cannot_carry(bench, mined, tmp_path, hardneg, refusal):
    out = tmp_path / "mteb"
    shown = hardneg("export", bench / "data", mined, "-o", out, "--form", "mteb")
    assert set(shown["files"]) == {f"{name}/train.parquet" for name in ("corpus", "queries", "qrels", "top_ranked")}
    assert shown["manifest"] == json.loads((out / "manifest.json").read_text())
    assert "scores" in shown["manifest"]["cannot_carry"]
    said = refusal("export", bench / "data", mined, "-o", out, "--form", "mteb", "--scores")
    assert "mteb carries no scores" in said


@pytest.mark.parametrize(("form", "column"), [("triplet", "positive"), ("labeled-pair", "document")])
def test_export_takes_found_answers_for_positives_and_says_who_found_them(
    bench, with_found, tmp_path, hardneg, capsys, form, column
):
    (run, found), out = with_found, tmp_path / "rows.parquet"
    command = ["export", bench / "data", run, "-o", out, "--form", form]
    told = hardneg(*command, "--ids")
    table = pl.read_parquet(out)
    answers = table.filter(pl.col("found_by").is_not_null())
    assert told["found_positives"] == 5
    assert set(answers.select("query_id", f"{column}_id").iter_rows()) == set(found.select("query_id", "doc_id").rows())
    assert set(answers["found_by"]) == {"learned"}
    if form == "labeled-pair":
        assert set(answers["label"]) == {1}
    assert main([*map(str, command)]) == 0
    assert f"5 found positives of {run} are exported as positives" in capsys.readouterr().err
    assert "found_by" not in pl.read_parquet_schema(out)
    less = hardneg("export", bench / "data", run / "negatives", "-o", out, "--form", form)
    assert (less["found_positives"], less["rows"]) == (0, table.height - answers.height)


@pytest.mark.parametrize("option", [[], ["--quiet"]])
def test_without_json_the_commands_speak_to_people(bench, mined, tmp_path, capsys, option):
    assert main(["export", str(bench / "data"), str(mined), "-o", str(tmp_path / "rows.parquet")]) == 0
    assert "rows with columns" in capsys.readouterr().out
    settings = ["--set", "batch_size=8", "--set", "precision=fp32", *option]
    command = ["train", str(bench / "data"), "-o", str(tmp_path / "t"), "--model", str(bench / "tiny")]
    assert main([*command, *settings]) == 0
    assert "4 steps over 24 pairs" in capsys.readouterr().out


DATA, OUT = "{bench}/data", ["-o", "{tmp}/out"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["mine", "nowhere", *OUT, "--source", "bm25"], "nowhere: no such file or folder"),
        (["mine", DATA, *OUT, "--source", "bn25"], "unknown source 'bn25'; did you mean 'bm25'"),
        (["mine", DATA, *OUT, "--source", "bm25(k=1)"], "unknown key 'k'; did you mean 'k1'"),
        (["mine", DATA, *OUT, "--source", "bm25(k1='a')"], "should be a valid number, not 'a'"),
        (["mine", DATA, *OUT, "--source", "bm25(analyzer='klingon')"], "klingon"),
        (["mine", DATA, *OUT, "--source", "bm25(1"], "write a name, or a name with options"),
        (["mine", DATA, *OUT, "--source", "no_such_module:Source"], "cannot import 'no_such_module'"),
        (["mine", DATA, *OUT, "--source", "bm25", "--filter", "margin"], "unknown filter 'margin'"),
        (["mine", DATA, *OUT, "--source", "bm25", "--split", "dev"], "no split 'dev'; it has: train, test"),
        (["mine", DATA, *OUT, "--recipe", "nowhere.toml"], "no such recipe file"),
        (["mine", DATA, *OUT, "--source", "dense", "--model", "./nowhere"], "does not exist"),
        (["mine", DATA, "-o", "{tmp}/file", "--source", "bm25"], "{tmp}/file"),
        (["train", DATA, *OUT, "--model", "{bench}/tiny", "--split", "dev"], "no split 'dev'"),
        (["train", DATA, *OUT, "--model", "{bench}/tiny", "--set", "epoch=2"], "did you mean 'epochs'"),
        (["train", DATA, *OUT, "--model", "{bench}/tiny", "--set", "epochs=many"], "should be a valid integer"),
        (["train", DATA, *OUT, "--model", "{bench}/tiny", "--set", "epochs"], "key=value"),
        (["train", DATA, *OUT, "--model", "{bench}/tiny", "--negatives", "{tmp}"], "mine first"),
        (["train", DATA, *OUT, "--model", "./nowhere"], "does not exist"),
        (["train", DATA, "-o", "{tmp}/file", "--model", "{bench}/tiny"], "{tmp}/file"),
        (["evaluate", DATA], "name what to evaluate"),
        (["evaluate", DATA, "--bm25", "klingon"], "klingon"),
        (["evaluate", DATA, "--model", "{bench}/tiny", "--model", "{bench}/./tiny/"], "measured twice"),
        (["evaluate", DATA, "--bm25", "plain", "--model", "bm25"], "bm25 is to be measured twice under one name"),
        (["mine", DATA, *OUT, "--source", "bm25(k1=-1)"], "bm25: k1 is -1"),
        (["mine", DATA, *OUT, "--source", "bm25(b=3)"], "bm25: b is 3"),
        (["mine", DATA, *OUT, "--source", "bm25(name='')"], "bm25: name is empty"),
        (["mine", DATA, *OUT, "--source", "random(seed=-1)"], "random: seed is -1"),
        (["mine", DATA, *OUT, "--source", "dense(max_tokens=0)", "--model", "{bench}/tiny"], "max_tokens is 0"),
        (["mine", DATA, *OUT, "--source", "dense(device='no')", "--model", "{bench}/tiny"], "cannot be loaded"),
        (["evaluate", DATA, "--bm25", "plain", "--split", "dev"], "no split 'dev'"),
        (["evaluate", DATA, "--model", "package:no_such_package/model"], "pip install no-such-package"),
        (["export", DATA, "{tmp}/nowhere", "-o", "{tmp}/rows.jsonl"], "mine first"),
        (["export", DATA, "{tmp}/file", "-o", "{tmp}/rows.jsonl"], "{tmp}/file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bench, tmp_path, monkeypatch, refusal, command, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder, nor Parquet")
    places = {"bench": bench, "tmp": tmp_path}
    assert complaint.format(**places) in refusal(*(part.format(**places) for part in command))
    assert not (tmp_path / "out" / "negatives").exists()
    assert not (tmp_path / "rows.jsonl").exists()


def test_wrong_usage_exits_with_2_and_shows_how(capsys):
    assert main(["mine"]) == 2
    assert "Usage: hardneg mine" in capsys.readouterr().err
    assert main(["no-such-command"]) == 2


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hardneg {__version__}\n"
    done = subprocess.run([sys.executable, "-m", "hardneg", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"hardneg \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize("program", ["import hardneg; dir(hardneg)", "from hardneg.cli import main; main(['--help'])"])
def test_importing_hardneg_and_asking_for_help_load_no_heavy_library(program):
    heavy = {"torch", "polars", "numpy", "numba", "sentence_transformers", "pydantic"}
    program += f"; import sys; print({heavy} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_mining_that_selects_nothing_and_exporting_it_do_not_go_unnoticed(bench, tmp_path, capsys, refusal):
    command = ["mine", bench / "data", "-o", tmp_path / "run", "--source", "bm25(analyzer='plain')"]
    command += ["--filter", "score_range(score='bm25', low=1e6)"]
    assert main([*map(str, command), "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["selected"] == 0
    assert shown.err.startswith("hardneg: warning: no negative was selected: of ")
    assert shown.err.count("\n") == 1
    rows = tmp_path / "rows.parquet"
    assert "has enough negatives for a row" in refusal("export", bench / "data", tmp_path / "run", "-o", rows)
    assert not rows.exists()


def test_export_is_quiet_on_request(bench, mined, tmp_path, capsys):
    command = ["export", bench / "data", mined, "-o", tmp_path / "rows.parquet", "--quiet"]
    assert main([*map(str, command)]) == 0
    assert capsys.readouterr().err == ""


_WITHOUT_TORCH = """
import json, sys
import importlib.abc

class Blocking(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sentence_transformers", "transformers", "accelerate", "safetensors"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocking())
from hardneg.cli import main
for command in json.loads(sys.argv[1]):
    print(main(command), file=sys.stderr)
"""


def test_without_torch_bm25_works_and_all_else_says_what_to_install(bench, tmp_path):
    data, model, out = str(bench / "data"), str(bench / "tiny"), str(tmp_path / "bm25")
    commands = [
        ["mine", data, "-o", out, "--source", "bm25", "--json"],
        ["export", data, out, "-o", str(tmp_path / "rows.jsonl"), "--json"],
        ["evaluate", data, "--bm25", "plain", "--json"],
        ["mine", data, "-o", str(tmp_path / "dense"), "--model", model],
        ["mine", data, "-o", str(tmp_path / "default")],
        ["train", data, "-o", str(tmp_path / "trained"), "--model", model],
        ["evaluate", data, "--model", model],
        ["run", str(bench / "small.toml"), "-o", str(tmp_path / "run")],
    ]
    program = [sys.executable, "-c", _WITHOUT_TORCH, json.dumps(commands)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert lines[:3] == ["0", "0", "0"]
    assert lines[4::2] == ["2"] * 5
    for line in lines[3::2]:
        assert line.endswith(" needs torch: pip install 'hardneg[train]'")
    assert {path.name for path in tmp_path.iterdir()} == {"bm25", "rows.jsonl", "rows.jsonl.manifest"}


def test_a_budget_that_no_threshold_keeps_is_a_finding_wherever_the_run_is_looked_at(tmp_path, hardneg, capsys):
    data, run = answer_toy(n_queries=60).write(tmp_path / "data"), tmp_path / "run"
    (tmp_path / "r.toml").write_text(f'dataset = "{data}"\n[select]\nshortage = "fill_random"\n')  # answers among them
    command = ["mine", data, "-o", run, "--source", "bm25(analyzer='plain')", "--per-query", 40, "--depth", 4]
    command += ["--recipe", tmp_path / "r.toml", "--filter", "learned(budget=1e-9)"]
    found = hardneg(*command)
    fit = json.loads((run / "filters" / "learned-0.json").read_text())
    assert fit["budget"] == 1e-9
    assert fit["leakage"] > fit["budget"]
    assert "HN005" in {one["code"] for one in found["findings"]}
    assert "HN005" in {one["code"] for one in hardneg("status", run)["findings"]["findings"]}
    capsys.readouterr()
    assert main([*map(str, command)]) == 0
    assert "HN005: the leakage budget was not kept" in capsys.readouterr().err
    hardneg("report", run)
    assert "the leakage budget was not kept" in (run / "report.html").read_text()
