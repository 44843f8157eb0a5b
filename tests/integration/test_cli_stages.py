"""`hardneg run` of recipes with several stages."""

import json
import shutil

import pytest
from sentence_transformers import SentenceTransformer

from doctoring import wrong
from hardneg.cli import main
from hardneg.models.sentence_transformer import load_encoder
from hardneg.progress import showing
from stopping import StopDuring

STAGES = """
[[stage]]
name = "warm"
sources = []

[[stage]]
[[stage.sources]]
use = "dense"
precision = "fp32"

[stage.train]
epochs = 1
in_batch = false
shared_negatives = false
"""


@pytest.fixture(scope="module")
def staged(bench, tmp_path_factory):
    """A recipe whose second stage mines with the model of the first."""
    recipe = (bench / "small.toml").read_text().replace('model = "tiny"', f'model = "{bench / "tiny"}"\nseeds = [1, 2]')
    file = tmp_path_factory.mktemp("staged") / "staged.toml"
    file.write_text(recipe.replace('"data"', f'"{bench / "data"}"') + STAGES)
    return file


@pytest.fixture(scope="module")
def whole(staged, tmp_path_factory):
    """The folder of a run that was never stopped; read only."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(["run", str(staged), "-o", str(out), "--quiet"]) == 0
    return out


def results(folder):
    kinds = ("*.parquet", "model.safetensors", "run.trec", "metrics.json", "mining.json", "funnel.json")
    files = sorted(path for kind in kinds for path in folder.rglob(kind))
    # mining.json says where the model of the stage before lies
    return {str(path.relative_to(folder)): path.read_bytes().replace(str(folder).encode(), b"RUN") for path in files}


def test_each_stage_is_a_row_and_the_last_one_is_the_result(staged, whole, hardneg):
    found = hardneg("run", staged, "-o", whole)
    assert list(found["rows"]) == ["bm25", "zero_shot", "in_batch", "warm", "mined"]
    assert "mined - warm" in found["comparisons"]
    assert len(found["rows"]["mined"]["nDCG@10"]["seeds"]) == 2
    assert (whole / "model" / "model.safetensors").read_bytes() == (
        whole / "training" / "mined-seed1" / "model" / "model.safetensors"
    ).read_bytes()


def test_the_second_stage_mines_with_the_first_ones_model_and_starts_from_it(whole):
    for seed in (1, 2):
        warm = load_encoder(whole / "training" / f"warm-seed{seed}" / "model", precision="fp32").fingerprint
        (source,) = json.loads((whole / "stages" / f"mined-seed{seed}" / "mining.json").read_text())["sources"]
        assert source.startswith("Dense(model='stage:warm'")
        assert source.endswith(warm)
        training = json.loads((whole / "training" / f"mined-seed{seed}" / "training.json").read_text())
        assert training["inputs"]["model"] in warm
        assert training["inputs"]["in_batch"] == "False"
    assert not (whole / "negatives").exists()


def test_the_in_batch_row_leaves_out_the_stage_without_in_batch_negatives(whole):
    in_batch, warm = (
        json.loads((whole / "training" / f"{row}-seed1" / "training.json").read_text())["inputs"]
        for row in ("in_batch", "warm")
    )
    assert in_batch == warm  # without mined negatives the first stage is all there is


def test_the_manifest_says_what_each_stage_did_and_cost(whole):
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["chain"] == ["warm", "mined"]
    assert list(manifest["components"]) == ["warm", "mined"]
    assert "in_batch=False" in manifest["components"]["mined"]["train"]
    assert set(manifest["mined"]) == {"mined-seed1", "mined-seed2"}
    rows = [f"{row}-seed{seed}" for row in ("in_batch", "warm", "mined") for seed in (1, 2)]
    stages = {f"{verb} {row}" for row in rows for verb in ("train", "evaluate")}
    stages |= {"dataset", "evaluate bm25", "evaluate zero_shot", "mine mined-seed1", "mine mined-seed2"}
    assert set(manifest["stages"]) == stages
    assert manifest["planned"] == list(manifest["stages"])


def test_the_resolved_recipe_goes_on_with_the_same_run_also_after_it_was_moved(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("hardneg.training.loop._work", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr("hardneg.pipeline.mining.mine_block", lambda *_: pytest.fail("mined again"))
    away = whole.rename(tmp_path / "whole")  # nothing is at its first place
    try:
        shutil.copytree(away, tmp_path / "moved")
        assert main(["run", str(tmp_path / "moved" / "recipe.toml"), "-o", str(tmp_path / "moved"), "--quiet"]) == 0
    finally:
        away.rename(whole)


@pytest.mark.parametrize(("task", "units"), [("mining", 1), ("training", 150)])
def test_a_run_stopped_in_any_stage_ends_as_if_never_stopped(staged, whole, tmp_path, capsys, task, units):
    command = ["run", str(staged), "-o", str(tmp_path / "run"), "--quiet"]
    with showing(StopDuring(task, units)):
        assert main(command) == 3
    assert not (tmp_path / "run" / "model").exists()
    assert main(command) == 0
    assert results(tmp_path / "run") == results(whole)


def test_the_table_shows_every_stage(staged, whole, capsys):
    assert main(["run", str(staged), "-o", str(whole)]) == 0
    shown = capsys.readouterr().out
    for word in ("mined-seed1: ", "warm ", "mined against warm", "train mined-seed2"):
        assert word in shown


def test_what_is_mined_without_the_trained_model_is_mined_once_for_all_seeds(staged, tmp_path, hardneg):
    recipe = staged.read_text().replace(
        'use = "dense"\nprecision = "fp32"\n\n[stage.train]', 'use = "bm25"\n\n[stage.train]'
    )
    recipe = recipe.replace('"bm25", "zero_shot", "in_batch"', "")
    (tmp_path / "words.toml").write_text(recipe)
    found = hardneg("run", tmp_path / "words.toml", "-o", tmp_path / "run")
    assert list(found["mined"]) == ["mined"]
    assert list(found["rows"]) == ["warm", "mined"]


def test_a_recipe_that_mines_nothing_trains_in_batch_alone(bench, tmp_path, hardneg, capsys):
    recipe = (bench / "small.toml").read_text().replace('[[sources]]\nuse = "bm25"\nanalyzer = "plain"\n', "")
    recipe = recipe.replace('[[sources]]\nuse = "dense"\nprecision = "fp32"\n', "sources = []")
    recipe = recipe.replace('"data"', f'"{bench / "data"}"').replace('"tiny"', f'"{bench / "tiny"}"')
    (tmp_path / "alone.toml").write_text(recipe)
    found = hardneg("run", tmp_path / "alone.toml", "-o", tmp_path / "run")
    assert list(found["rows"]) == ["bm25", "zero_shot", "in_batch"]
    assert "funnel" not in found
    assert not (tmp_path / "run" / "mining.json").exists()
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()
    assert main(["run", str(tmp_path / "alone.toml"), "-o", str(tmp_path / "run")]) == 0
    assert "in-batch against zero-shot" in capsys.readouterr().out


def test_adapters_of_the_first_stage_go_on_in_the_second(bench, tmp_path, hardneg):
    pytest.importorskip("peft")
    recipe = (bench / "small.toml").read_text().replace('"bm25", "zero_shot", "in_batch"', "")
    recipe = recipe.replace("[train]", "[train]\nlora = { rank = 2 }")
    recipe = recipe.replace('"data"', f'"{bench / "data"}"').replace('"tiny"', f'"{bench / "tiny"}"')
    (tmp_path / "lora.toml").write_text(recipe + STAGES)
    hardneg("run", tmp_path / "lora.toml", "-o", tmp_path / "run")
    states = [
        SentenceTransformer(str(tmp_path / "run" / "training" / f"{row}-seed0" / "model"), device="cpu").state_dict()
        for row in ("warm", "mined")
    ]
    moved = {name for name, value in states[0].items() if not (value == states[1][name]).all()}
    assert moved
    assert all("lora_" in name for name in moved)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "epochs = 1\nin_batch",
            "epochs = 1\nlora = { targets = ['q_proj'] }\nin_batch",
            "no layer is called 'q_proj'",
        ),
        (
            "epochs = 1\nin_batch",
            "epochs = 1\nmax_tokens = 65\nin_batch",
            "has positions for 64 tokens; max_tokens is 65",
        ),
        ("[stage.train]", '[stage.mine]\nsplit = "dev"\n[stage.train]', "no split 'dev'; it has: train, test"),
        ("[stage.train]", '[[stage.sources]]\nuse = "run"\npath = "gone.trec"\n[stage.train]', "gone.trec"),
        ("[stage.train]", "[stage.training]", "stage[2]: unknown key 'training'; did you mean 'train'"),
    ],
)
def test_a_wrong_second_stage_is_refused_before_the_first_begins(staged, tmp_path, refusal, old, new, complaint):
    text = staged.read_text()
    assert old in text
    (tmp_path / "wrong.toml").write_text(text.replace(old, new))
    assert complaint in refusal("run", tmp_path / "wrong.toml", "-o", tmp_path / "run")
    for name in ("stages", "training", "evaluation"):
        assert not (tmp_path / "run" / name).exists()


def test_a_run_of_stages_that_was_moved_is_fine_and_goes_on(staged, whole, tmp_path, capsys):
    """What it mined with a model of its own names that by a path that is gone."""
    moved = shutil.copytree(whole, tmp_path / "elsewhere")
    away = whole.rename(whole.with_name("away"))
    try:
        assert wrong(moved) == []
        before = results(moved)
        (moved / "evaluation" / "mined-seed1" / "metrics.json").unlink()
        capsys.readouterr()
        assert main(["run", str(staged), "-o", str(moved), "--quiet"]) == 0
        assert capsys.readouterr().err == ""
        after = results(moved)
        assert {name.rpartition("/")[2] for name in before if before[name] != after[name]} <= {"mining.json"}
        assert wrong(moved) == []
    finally:
        away.rename(whole)
