"""A folder that a stranger sent, with a trap in each file that a run, ladder, fit, teacher or model has: no command
that opens it runs anything of it.
"""

import json
import shutil
import sys
from contextlib import suppress

import numpy as np
import pytest

import booby_traps as traps
import hardneg as hn
from hardneg.cli import main

CODE = "sprung_trap:Sprung"
NAMES = {
    "sources": [{"use": CODE}, {"use": "dense", "model": "model", "trust_remote_code": True}],
    "filters": [{"use": CODE}, {"use": "teacher_threshold", "above": 0.5, "scorer": CODE}],
    "teachers": [{"use": CODE}],
}
TOML = f"""
dataset = "data"
model = "model"
[[sources]]
use = "{CODE}"
[[filters]]
use = "teacher_threshold"
above = 0.5
scorer = "{CODE}"
[[teachers]]
use = "{CODE}"
[train]
loss = {{ use = "{CODE}" }}
mask = {{ use = "{CODE}" }}
trust_remote_code = true
"""


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, bench, split_toy):
    """The folder; `mark` beside it is what a trap would leave."""
    root = tmp_path_factory.mktemp("theirs")
    mark, run = root / "mark", root / "run"
    traps.trap_module(root / "modules", mark)
    split_toy.write(root / "data")
    shutil.copytree(bench / "tiny", root / "tiny")
    hn.mine(split_toy, sources=["bm25(analyzer='plain')"], filters=[], select={"per_query": 1}, depth=4, out=run)
    for folder in (run, run / "negatives", run / "candidates"):
        (folder / ".checksums").unlink()
    split_toy.write(run / "dataset")
    mining = json.loads((run / "mining.json").read_text()) | {"plan": NAMES, "model": "model"}
    (run / "mining.json").write_text(json.dumps(mining))
    (run / "recipe.toml").write_text(TOML)
    rung = {"name": "mix", "recipe": TOML, "is_trained": True}
    states = {
        "manifest.json": {"stages": {"mine": {"wall_s": 1.0, "peak_gb": 1.0}}, "chain": ["mined"], "code": [CODE]},
        "plan.json": {"dataset": "data", "rungs": [rung], "budget": {"steps": 1, "minutes": None}, "probe": {}}
        | {"tune": {}, "training": {"loss": [{"use": CODE}]}, "splits": {}, "seeds": [0]},
        "draft.json": {"dataset": "data", "rungs": [rung], "budget": {"steps": 1}, "probe": {}},
        "ladder.json": {"measure": "nDCG@10", "rungs": [], "comparisons": []},
        "fit.json": {"request": {"settings": {"loss": {"use": CODE}}}, "stages": {}, "strategies": [rung]},
        "training.json": {"inputs": {"model": "model", "loss": CODE, "trust_remote_code": True}, "result": None},
        "readings.json": {"sources": NAMES["sources"]},
        "teacher.json": {"inputs": {"model": "model"}, "n_folds": 2, "group": None, "folds": {"0": {}, "1": {}}},
        "evaluation.json": {"scorer": CODE},
        "scores/trap.json": {"scorer": CODE, "pairs": 1},
        "metrics.json": {"split": "test", "depth": 3, "name": "x", "metrics": {}, "system": CODE},
    }
    for name, state in states.items():
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text(json.dumps(state))
    model = traps.own_code(bench / "tiny", run / "model", mark)
    checkpoint = run / "checkpoints" / "step-2"
    checkpoint.mkdir(parents=True)
    for folder in (
        model,
        checkpoint,
        run / "fold-0",
        run / "best" / "model",
        run / "training" / "mined-seed0" / "model",
    ):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("pytorch_model.bin", "optimizer.bin", "scheduler.bin", "random_states_0.pkl", "adapter_model.bin"):
            traps.trapped_torch(folder / name, mark)
        for name in ("custom_checkpoint_0.pkl", "training_args.bin", "scaler.pt"):
            traps.trapped_torch(folder / name, mark)
        for file in folder.rglob("model.safetensors"):
            file.unlink()
    (run / "filters").mkdir(exist_ok=True)
    for name in ("learned", "positive_percentile"):
        traps.trapped_archive(run / "filters" / f"{name}.npz", mark, "state", "mean")
    for name in ("vectors.npy", "documents.npy", "queries.npy"):
        traps.trapped_array(run / name, mark)
    for name in ("numpy", "polars", "torch", "sitecustomize", "conftest"):
        traps.trap_module(run, mark, name)
    assert not mark.exists()
    return root


RUN = (
    ["status", "run"],
    ["report", "run", "--dataset", "data"],
    ["verify", "run", "--dataset", "data", "--full"],
    ["verify", "run"],
    ["export", "run", "-o", "negatives.jsonl"],
    ["export", "run", "data", "-o", "negatives.jsonl", "--scores"],
    ["score", "run", "--scorer", "cross_fitted(path='run')"],
    ["review", "run", "--dataset", "data", "--export", "verdicts.csv"],
    ["compare", "run", "run/best"],
    ["estimate", "run/recipe.toml"],
    ["mine", "data", "-o", "run"],
    ["mine", "data", "-o", "out", "--recipe", "run/recipe.toml"],
    ["mine", "data", "-o", "out", "--model", "run/model"],
    [
        "mine",
        "data",
        "-o",
        "out",
        "--source",
        "vectors(query_vectors='run/queries.npy', document_vectors='run/vectors.npy')",
    ],
    ["mine", "data", "-o", "out", "--filter", "teacher_threshold(above=0.5, scorer=\"cross_fitted(path='run')\")"],
    ["audit", "planted", "data", "--recipe", "run/recipe.toml"],
    ["audit", "judged", "data", "--recipe", "run/recipe.toml", "--truth", "data/qrels.parquet"],
    ["audit", "sample", "data", "--sample", "3", "--negatives", "run", "--write", "sample.csv"],
    ["calibrate", "data", "--recipe", "run/recipe.toml"],
    ["run", "run/recipe.toml", "-o", "run"],
    ["run", "run/recipe.toml", "-o", "out"],
    ["train", "data", "--negatives", "run", "--model", "run/model", "-o", "out"],
    ["train", "data", "--negatives", "run", "--model", "tiny", "--recipe", "run/recipe.toml", "-o", "out"],
    ["train", "data", "--negatives", "run", "--model", "tiny", "-o", "run"],
    ["evaluate", "data", "--model", "run/model", "-o", "out"],
    ["evaluate", "data", "--model", "run/best/model", "-o", "run"],
    ["encode", "data", "--model", "run/model", "-o", "out"],
    ["ladder", "data", "-o", "run", "--model", "tiny", "--yes"],
    ["ladder", "data", "-o", "out", "--recipe", "run/recipe.toml", "--yes"],
    ["fit", "data", "-o", "run", "--model", "tiny", "--steps", "2"],
    ["fit", "data", "-o", "out", "--recipe", "run/recipe.toml", "--steps", "2"],
    ["teacher", "train", "data", "--negatives", "run", "--model", "run/model", "-o", "out"],
    ["teacher", "train", "data", "--negatives", "run", "--model", "tiny", "-o", "run"],
    ["data", "check", "run"],
    ["data", "check", "run/dataset"],
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", RUN, ids=" ".join)
def test_no_command_runs_anything_of_it(theirs, tmp_path, monkeypatch, capfd, command):
    shutil.copytree(theirs, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(theirs / "modules")
    code = main(list(command))
    said = "".join(capfd.readouterr())
    assert not (theirs / "mark").exists()
    assert "sprung_trap" not in sys.modules
    assert code in (0, 1, 2), said
    assert "Traceback" not in said


def test_the_traps_are_sharp(theirs, monkeypatch):
    monkeypatch.syspath_prepend(theirs / "modules")
    __import__("sprung_trap")
    sys.modules.pop("sprung_trap")
    assert (theirs / "mark").exists()
    (theirs / "mark").unlink()
    with suppress(Exception):
        np.load(theirs / "run" / "vectors.npy", allow_pickle=True).sum()
    assert (theirs / "mark").exists()
    (theirs / "mark").unlink()
