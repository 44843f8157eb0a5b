"""`hardneg score`, and training on what it wrote."""

import json
import signal
from contextlib import nullcontext

import polars as pl
import pytest

from doctoring import copy_of, kinds, wrong
from hardneg.cli import main
from hardneg.progress import showing
from tiny_cross_encoder import build_tiny_cross_encoder

FAST = ["--set", "batch_size=8", "--set", "precision=fp32"]
MIX = "loss=[{'use': 'info_nce', 'weight': 1.0}, {'use': 'kl', 'weight': 0.2}]"


@pytest.fixture(scope="module")
def mined(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("mined") / "run"
    source = ["--source", "bm25(analyzer='plain')", "--filter", "near_duplicate"]
    assert main(["mine", str(bench / "data"), "-o", str(out), *source, "--per-query", "3", "--depth", "10"]) == 0
    return out


@pytest.fixture(scope="module")
def teacher(split_toy, tmp_path_factory):
    texts = [*split_toy.query_texts, *split_toy.document_texts]
    return build_tiny_cross_encoder(tmp_path_factory.mktemp("teacher"), texts)


@pytest.fixture
def scorer(teacher):
    return f"cross_encoder(model='{teacher}', precision='fp32')"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))


def test_scores_are_raw_and_train_a_model_by_every_distilling_loss(bench, mined, scorer, tmp_path, hardneg, capsys):
    score = ["score", bench / "data", "--negatives", mined, "--scorer", scorer, "-o", tmp_path / "t.parquet"]
    (found,) = hardneg(*score)["teachers"]
    table = pl.read_parquet(tmp_path / "t.parquet")
    negatives = pl.read_parquet(mined / "negatives" / "*.parquet")
    assert (found["teacher"], found["squashed"]) == ("teacher", False)
    assert found["pairs"] == table.height == negatives.height + found["positives"]
    assert found["positives"] == 24
    assert not table["squashed"].any()
    assert not table["score"].is_between(0, 1).all()

    train = ["train", bench / "data", "--model", bench / "tiny", "--negatives", mined, *FAST]
    train += ["--scores", tmp_path / "t.parquet"]
    for name, loss in {"mse": "loss=margin_mse", "kl": "loss=kl", "mix": MIX}.items():
        assert hardneg(*train, "--set", loss, "-o", tmp_path / name)["n_pairs"] == 24
    inputs = json.loads((tmp_path / "mix" / "training.json").read_text())["inputs"]
    assert inputs["loss"].startswith("WeightedSum(losses=(InfoNCE(")
    assert len(inputs["scores"]) == 32

    assert main([*map(str, score)]) == 0
    assert "teacher scored 24 positives and" in capsys.readouterr().out


def test_scores_lie_in_the_run_folder_and_several_teachers_are_averaged(bench, scorer, tmp_path, hardneg):
    run = tmp_path / "run"
    source = ["--source", "bm25(analyzer='plain')", "--filter", "near_duplicate", "--per-query", 2, "--depth", 10]
    hardneg("mine", bench / "data", "-o", run, *source)
    second = f"bi_encoder(model='{bench / 'tiny'}', precision='fp32', name='two')"
    command = ["score", bench / "data", "--negatives", run, "--scorer", scorer, "--scorer", second]
    found = hardneg(*command, "--candidates")["teachers"]
    assert [one["path"] for one in found] == [str(run / "scores" / f"{name}.parquet") for name in ("teacher", "two")]
    candidates = pl.read_parquet(run / "candidates" / "*.parquet").height
    assert {one["pairs"] for one in found} == {candidates}  # the positives are among them, kept for their scores
    assert found[1]["squashed"] is False
    train = ["train", bench / "data", "--model", bench / "tiny", "--negatives", run, *FAST, "--set", "loss=kl"]
    assert hardneg(*train, "--scores", run, "-o", tmp_path / "trained")["n_pairs"] == 24


def test_a_run_says_which_dataset_it_was_made_from(bench, mined, scorer, tmp_path, hardneg):
    named = hardneg("score", bench / "data", "--negatives", mined, "--scorer", scorer, "-o", tmp_path / "one.parquet")
    inferred = hardneg("score", mined, "--scorer", scorer, "-o", tmp_path / "two.parquet")
    assert [one["pairs"] for one in inferred["teachers"]] == [one["pairs"] for one in named["teachers"]]
    hardneg("export", bench / "data", mined, "-o", tmp_path / "one.jsonl")
    hardneg("export", mined, "-o", tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_text() == (tmp_path / "two.jsonl").read_text()


class PressCtrlC:
    """A display that presses Ctrl-C when pairs were scored."""

    def task(self, description, *, total, unit):
        return nullcontext(lambda n: signal.raise_signal(signal.SIGINT) if n and unit == "pairs" else None)


def test_ctrl_c_exits_with_3_and_the_same_command_goes_on(bench, mined, scorer, tmp_path, hardneg, capsys):
    command = ["score", bench / "data", "--negatives", mined, "--scorer", scorer, "-o", tmp_path / "t.parquet"]
    with showing(PressCtrlC()):
        assert main([*map(str, command)]) == 3
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "t.parquet").exists()
    assert hardneg(*command)["teachers"][0]["pairs"] == pl.read_parquet(tmp_path / "t.parquet").height


def test_refusals_say_what_to_do(bench, mined, scorer, teacher, tmp_path, refusal, hardneg):
    def refused(*options, negatives=mined, scorer=scorer):
        return refusal("score", bench / "data", "--negatives", negatives, "--scorer", scorer, *options)

    assert "unknown scorer 'cross_encode'; did you mean 'cross_encoder'?" in refused(scorer="cross_encode(model='x')")
    assert "two share a name (teacher, teacher); give one another 'name'" in refused("--scorer", scorer)
    assert "several scorers" in refused("--scorer", "bi_encoder(model='x', name='b')", "-o", tmp_path / "x.parquet")
    assert "ends in .parquet" in refused("-o", tmp_path / "x")
    assert "name a file with -o" in refused(negatives=mined / "negatives" / "part-00000.parquet")
    assert "or name the folder of a finished run" in refused(negatives=tmp_path)
    assert "no split 'dev'; it has: train, test" in refused("--split", "dev")

    squashed = f"cross_encoder(model='{teacher}', precision='fp32', activation='sigmoid')"
    hardneg("score", bench / "data", "--negatives", mined, "--scorer", squashed, "-o", tmp_path / "s.parquet")
    train = ["train", bench / "data", "--model", bench / "tiny", "--negatives", mined, "-o", tmp_path / "run"]
    complaint = refusal(*train, "--set", "loss=margin_mse", "--scores", tmp_path / "s.parquet")
    assert 'score again with activation="identity"' in complaint
    assert "hardneg train --scores" in refusal(*train, "--set", "loss=kl")
    assert "learns from none; leave them out" in refusal(*train, "--scores", tmp_path / "s.parquet")
    assert "holds no teacher scores; make them: hardneg score" in refusal(*train, "--scores", tmp_path / "no")
    assert not (tmp_path / "run").exists()


def test_verify_reads_scores_beside_a_run_and_in_a_file_of_their_own(bench, mined, scorer, tmp_path, hardneg):
    run = copy_of(mined, tmp_path / "run")
    hardneg("score", run, "--scorer", scorer)
    hardneg("score", run, "--scorer", scorer, "-o", tmp_path / "own" / "t.parquet")
    assert ("scores", "fine") in kinds(run)
    assert kinds(tmp_path / "own" / "t.parquet") == {("scores", "fine")}
    file = run / "scores" / "teacher.parquet"
    (run / "scores" / ".checksums").unlink()
    table = pl.read_parquet(file)
    one = pl.int_range(pl.len()) == 0
    for change in (
        pl.when(one).then(pl.lit(9.0, pl.Float32)).otherwise("score").alias("score"),
        pl.when(one).then(pl.lit(None, pl.Float32)).otherwise("score").alias("score"),
        pl.col("doc_id").first().over("query_id").alias("doc_id"),
    ):
        table.with_columns(change).write_parquet(file)
        assert wrong(run) == [("scores", "scores/teacher.parquet")]
