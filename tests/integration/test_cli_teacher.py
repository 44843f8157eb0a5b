"""`hardneg teacher train`."""

import importlib.util
import json

import numpy as np
import polars as pl
import pytest

from doctoring import change_json, change_weight, copy_of, kinds, wrong
from flipping import flip
from hardneg.cli import main
from hardneg.files import write_json
from hardneg.scoring.cross_fitted import CrossFittedTeacher

FAST = ["--batch-size", 16, "--max-tokens", 32, "--precision", "fp32"]


@pytest.fixture(scope="module")
def mined(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "run"
    source = ["--source", "bm25(analyzer='plain')", "--filter", "near_duplicate"]
    options = ["--per-query", "3", "--depth", "10", "--quiet"]
    assert main(["mine", str(bench / "data"), "-o", str(out), *source, *options]) == 0
    return out


def test_teacher_is_trained_measured_and_ready_to_score(bench, mined, tmp_path, hardneg, split_toy, capsys, caplog):
    command = ["teacher", "train", bench / "data", "--negatives", mined, "--model", bench / "tiny", *FAST]
    command += ["--folds", 2, "-o", tmp_path / "teacher", "--evaluate", 10, "--depth", 20]
    found = hardneg(*command, "--first-stage", "bm25(analyzer='plain')")
    assert found["path"] == str(tmp_path / "teacher")
    assert found["n_folds"] == 2
    n_positives = split_toy.qrels.filter(pl.col("split") == "train").height
    assert found["n_positives"] == n_positives
    evaluation = found["evaluation"]
    assert (evaluation["first_stage"], evaluation["depth"], evaluation["n_queries"]) == ("bm25", 20, 10)
    assert json.loads((tmp_path / "teacher" / "evaluation.json").read_text()) == evaluation
    for name in ("nDCG@10", "MRR@10"):
        gain = evaluation["gain"][name]
        assert gain["low"] <= gain["difference"] <= gain["high"]
        assert gain["n"] == 10

    query = np.arange(split_toy.n_queries, dtype=np.int32)
    score = CrossFittedTeacher(tmp_path / "teacher").score(split_toy, query, query)
    assert np.isfinite(score).all()

    place = tmp_path / "teacher"
    assert kinds(place) == {(what, "fine") for what in ("checksums", "folds", "model", "metrics")}
    doctored = copy_of(place, tmp_path / "doctored")
    change_weight(doctored / "fold-0")
    folds = pl.read_parquet(doctored / "folds.parquet")
    folds.with_columns(fold=1 - pl.col("fold")).write_parquet(doctored / "folds.parquet")
    change_json(doctored / "evaluation.json", lambda state: state["gain"]["nDCG@10"].update(difference=0.5))
    assert wrong(doctored) == [("folds", "."), ("model", "./fold-0"), ("metrics", ".")]
    flip(place / "teacher.json", 1_234)  # its copy takes its place

    capsys.readouterr()
    assert main([*map(str, command), "--first-stage", "bm25(analyzer='plain')", "--quiet"]) == 0  # finished: at once
    shown = capsys.readouterr()
    assert f"the teacher is {tmp_path / 'teacher'}" in shown.out
    assert "re-ranking 10 held-out queries, bm25 to depth 20" in shown.out
    assert shown.err == ""
    assert "teacher.json is damaged; it is made anew from .teacher.json.copy" in caplog.text


def test_without_evaluation_nothing_is_searched(bench, mined, tmp_path, hardneg):
    command = ["teacher", "train", bench / "data", "--negatives", mined, "--model", bench / "tiny", *FAST]
    found = hardneg(*command, "-o", tmp_path / "teacher", "--evaluate", 0, "--max-pairs", 12, "--seed", 2)
    assert found["evaluation"] is None
    assert found["n_positives"] == 12
    assert not (tmp_path / "teacher" / "evaluation.json").exists()


def test_refusals_say_what_to_do(bench, mined, tmp_path, refusal):
    def refused(*options, negatives=mined, model=bench / "tiny"):
        command = ["teacher", "train", bench / "data", "--negatives", negatives, "--model", model]
        return refusal(*command, "-o", tmp_path / "teacher", *options)

    assert "or name the folder of a finished run" in refused(negatives=tmp_path)
    assert "does not exist" in refused(model=tmp_path / "nothing")
    assert "has no split 'dev'; it has: train, test" in refused("--split", "dev")
    assert "hardneg mine --split test" in refused("--split", "test")
    assert "take fewer folds, another seed or more queries" in refused("--folds", 40)
    assert "no column 'chat' to group by; they have: id, text" in refused("--group", "chat")
    assert "--learning-rate must be above 0" in refused("--learning-rate", 0)
    assert "unknown source 'bm52'" in refused("--first-stage", "bm52")
    assert not (tmp_path / "teacher").exists()


def test_missing_package_is_named_with_its_extra(bench, mined, tmp_path, refusal, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "datasets" else real(name, *rest)
    )
    command = ["teacher", "train", bench / "data", "--negatives", mined, "--model", bench / "tiny"]
    assert "training a teacher needs datasets: pip install 'hardneg[teacher]'" in refusal(
        *command, "-o", tmp_path / "x"
    )


def test_a_teacher_that_is_worse_than_what_it_filters_is_a_finding_with_both_figures(
    bench, mined, tmp_path, capsys, hardneg
):
    teacher = tmp_path / "teacher"
    command = ["teacher", "train", bench / "data", "--negatives", mined, "--model", bench / "tiny", *FAST]
    command += ["-o", teacher, "--max-pairs", 12, "--depth", 20, "--first-stage", "bm25(analyzer='plain')"]
    found = hardneg(*command)
    measured = json.loads((teacher / "evaluation.json").read_text())
    measured["before"]["nDCG@10"]["value"], measured["after"]["nDCG@10"]["value"] = 0.98, 0.63
    measured["gain"]["nDCG@10"] |= {"difference": -0.35, "low": -0.5, "high": -0.2}
    write_json(teacher / "evaluation.json", measured)
    said = "HN041: the teacher is worse than the first stage"

    judge = f"teacher_threshold(scorer={{'use': 'cross_fitted', 'path': '{teacher}'}}, above=0.9)"
    mine = ["mine", bench / "data", "-o", tmp_path / "run", "--source", "bm25(analyzer='plain')", "--filter", judge]
    capsys.readouterr()
    assert main([*map(str, mine)]) == 0
    shown = capsys.readouterr().err
    assert said in shown
    assert "bm25 has nDCG@10 0.9800" in shown
    assert "has 0.6300" in shown
    assert "HN041" in {one["code"] for one in hardneg("status", tmp_path / "run")["findings"]["findings"]}

    score = ["score", bench / "data", "--negatives", mined, "--scorer", f"cross_fitted(path='{teacher}')"]
    assert main([*map(str, score), "-o", str(tmp_path / "s.parquet"), "--quiet"]) == 0
    assert said in capsys.readouterr().err
    assert set(found) >= {"evaluation", "findings"}
