"""Training on a folder that was mined into: it knows its dataset and its model."""

import json
import shutil

import pytest

import hardneg as hn
from hardneg.cli import main
from hardneg.runs.record import read_record

TRAINING = ["--set", "batch_size=8", "--set", "precision=fp32", "--set", "max_steps=2", "--quiet", "--json"]
SETTINGS = {"batch_size": 8, "precision": "fp32", "max_steps": 2}


@pytest.fixture(scope="module")
def root(bench, tmp_path_factory):
    """`run` was mined from `data` with the model `tiny`, `words` with BM25 alone, `both` with two models."""
    root = tmp_path_factory.mktemp("runs")
    for name in ("data", "tiny"):
        shutil.copytree(bench / name, root / name)
    shutil.copytree(root / "tiny", root / "other")
    dense = [f'dense(model="{root / name}",precision="fp32",name="{name}")' for name in ("tiny", "other")]
    for out, sources in (("run", dense[:1]), ("words", ["bm25"]), ("both", dense)):
        named = [part for source in sources for part in ("--source", source)]
        filters = ["--filter", "near_duplicate", "--depth", "10", "--per-query", "2"]
        assert main(["mine", str(root / "data"), "-o", str(root / out), *named, *filters, "--quiet", "--json"]) == 0
    return root


def weights(folder):
    return (folder / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def named(root):
    """The weights that come of naming dataset and model."""
    options = ["--model", str(root / "tiny"), "--negatives", str(root / "run")]
    assert main(["train", str(root / "data"), "-o", str(root / "named"), *options, *TRAINING]) == 0
    return weights(root / "named")


def test_a_run_tells_dataset_and_model(root, named, tmp_path, capsys):
    assert main(["train", "-o", str(tmp_path / "out"), "--negatives", str(root / "run"), *TRAINING]) == 0
    assert json.loads(capsys.readouterr().out)["n_steps"] == 2
    assert weights(tmp_path / "out") == named
    record = read_record(tmp_path / "out")
    assert record is not None
    assert record.dataset == str(root / "data")


def test_a_run_is_trained_on_from_python_as_from_the_command_line(root, named, tmp_path):
    hn.train(negatives=root / "run", settings=hn.TrainSettings(**SETTINGS), out=tmp_path / "path")
    assert weights(tmp_path / "path") == named
    dataset = hn.read_dataset(root / "data")
    mined = hn.mine(
        dataset,
        sources=[f'dense(model="{root / "tiny"}",precision="fp32",name="tiny")'],
        filters=["near_duplicate"],
        depth=10,
        per_query=2,
    )
    hn.train(negatives=mined, settings=hn.TrainSettings(**SETTINGS), out=tmp_path / "mined")
    assert weights(tmp_path / "mined") == named


def test_what_is_named_goes_before_what_the_run_tells(root, refusal, tmp_path):
    out = ("train", "-o", str(tmp_path / "out"), "--negatives", str(root / "run"), *TRAINING)
    assert "nowhere" in refusal(*out[:1], "nowhere", *out[1:])
    assert "no-model" in refusal(*out, "--model", "./no-model")


def test_a_run_that_cannot_tell_says_what_to_name(root, refusal, tmp_path):
    out = ("-o", str(tmp_path / "out"), *TRAINING)
    said = refusal("train", *out, "--negatives", str(root / "both"))
    assert "was mined with several models" in said
    assert "name the one to train with --model" in said
    copied = shutil.copytree(root / "run", tmp_path / "copied")
    (copied / ".status.json").unlink()
    assert "does not say which dataset was mined" in refusal("train", *out, "--negatives", str(copied))
    assert "name a dataset, or mined negatives" in refusal("train", *out)


def test_python_is_told_what_to_give(root, tmp_path):
    with pytest.raises(hn.errors.RecipeError, match="no model is named"):
        hn.train(negatives=root / "words", out=tmp_path)
    with pytest.raises(hn.errors.DatasetError, match="no dataset is given"):
        hn.train("tiny", out=tmp_path)
