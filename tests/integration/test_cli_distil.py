"""`hardneg run` with teachers: mined, scored once, trained on the scores."""

import json
import signal
from contextlib import nullcontext

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.progress import showing
from tiny_cross_encoder import build_tiny_cross_encoder

MIX = 'loss = [{ use = "info_nce", weight = 1.0 }, { use = "kl", weight = 0.2 }]'
TEACHERS = """
[[teachers]]
use = "cross_encoder"
model = "tiny-cross"
precision = "fp32"

[[teachers]]
use = "bi_encoder"
model = "tiny"
precision = "fp32"
name = "second"
"""


@pytest.fixture(scope="module")
def distilling(bench, split_toy, tmp_path_factory):
    """A folder with the recipe `small.toml` of the others, taught by two teachers."""
    root = tmp_path_factory.mktemp("distilling")
    for name in ("data", "tiny"):
        (root / name).symlink_to(bench / name)
    build_tiny_cross_encoder(root / "built", [*split_toy.query_texts, *split_toy.document_texts])
    (root / "tiny-cross").symlink_to(root / "built" / "tiny-cross")
    recipe = (bench / "small.toml").read_text().replace("[train]", f"[train]\n{MIX}") + TEACHERS
    (root / "mix.toml").write_text(recipe)
    return root


@pytest.fixture
def written(distilling):
    """Write a changed recipe beside the first; returns its path."""

    def write(name, *changes):
        text = (distilling / "mix.toml").read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        (distilling / name).write_text(text)
        return distilling / name

    return write


class PressCtrlC:
    """A display that presses Ctrl-C at the first pairs that are scored."""

    def task(self, description, *, total, unit):
        return nullcontext(lambda n: signal.raise_signal(signal.SIGINT) if unit == "pairs" and n else None)


def test_a_run_scores_what_was_mined_once_and_hands_it_to_training(distilling, tmp_path, hardneg, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    command = ["run", distilling / "mix.toml", "-o", tmp_path / "run"]
    found = hardneg(*command)
    assert list(found["rows"]) == ["bm25", "zero_shot", "in_batch", "mined"]
    negatives = pl.read_parquet(tmp_path / "run" / "negatives" / "*.parquet").height
    for teacher, name in zip(found["teachers"], ("teacher", "second"), strict=True):
        table = pl.read_parquet(tmp_path / "run" / "scores" / f"{name}.parquet")
        assert (teacher["teacher"], teacher["squashed"]) == (name, False)
        assert teacher["pairs"] == table.height == negatives + teacher["positives"]
        assert teacher["seconds"] >= 0
    assert found["stages"]["score"]["wall_s"] > 0

    def inputs(row):
        return json.loads((tmp_path / "run" / "training" / f"{row}-seed0" / "training.json").read_text())["inputs"]

    assert "KL(" in inputs("mined")["loss"]
    assert len(inputs("mined")["scores"]) == 32
    assert "KL(" not in inputs("in_batch")["loss"]
    assert "scores" not in inputs("in_batch")
    assert hardneg("run", tmp_path / "run" / "recipe.toml", "-o", tmp_path / "run")["rows"] == found["rows"]

    monkeypatch.setattr("hardneg.pipeline.score_stage.score_pairs", lambda *_, **__: pytest.fail("scored again"))
    (tmp_path / "run" / "scores" / "foreign.parquet").write_bytes(b"not of this run")
    assert hardneg(*command)["rows"] == found["rows"]


def test_a_run_stopped_while_a_teacher_scores_goes_on_and_ends_as_if_never_stopped(
    written, tmp_path, hardneg, capsys, monkeypatch
):
    loss = 'loss = "margin_mse"\nmax_pairs = 12'
    recipe = written("mse.toml", (MIX, loss), ('"zero_shot", "in_batch"', '"zero_shot"'))

    def model_of(out):
        return (tmp_path / out / "model" / "model.safetensors").read_bytes()

    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "first cache"))
    found = hardneg("run", recipe, "-o", tmp_path / "whole")
    assert 12 <= found["teachers"][0]["positives"] < found["counts"]["train_pairs"]  # all answers of the queries taken
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    with showing(PressCtrlC()):
        assert main(["run", str(recipe), "-o", str(tmp_path / "stopped"), "--quiet"]) == 3
    assert "the same command goes on" in capsys.readouterr().err
    assert not list((tmp_path / "stopped").glob("scores/*.parquet"))
    hardneg("run", recipe, "-o", tmp_path / "stopped")
    assert model_of("stopped") == model_of("whole")


def test_a_recipe_whose_teachers_and_loss_do_not_fit_is_refused_before_mining(written, distilling, tmp_path, refusal):
    def refused(name, *changes):
        complaint = refusal("run", written(name, *changes), "-o", tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return complaint

    assert "say whose with [[teachers]]" in refused("none.toml", (TEACHERS, ""))
    assert "learns from none; take them out" in refused("plain.toml", (MIX, ""))
    assert "in_batch is trained without a teacher" in refused("rows.toml", (MIX, 'loss = "kl"'))
    squashed = ('model = "tiny-cross"', 'model = "tiny-cross"\nactivation = "sigmoid"')
    mse = (MIX, 'loss = ["info_nce", { use = "margin_mse", weight = 0.1 }]')
    assert 'set activation = "identity"' in refused("squashed.toml", mse, squashed)
    assert "does not exist" in refused("lost.toml", ('model = "tiny-cross"', 'model = "./lost"'))
