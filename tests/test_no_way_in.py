"""What a stranger's file can make hardneg do: nothing but fail with one line."""

import ast
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import booby_traps as traps
import hardneg as hn
import hardneg.sources
from hardneg.audits.verdict_files import read_verdict_file, write_verdict_file
from hardneg.cli import main
from hardneg.errors import DatasetError, HardnegError, InputError, ModelError, RecipeError, RunError
from hardneg.filters.learned.model import AnswerModel
from hardneg.filters.positive_bound import _fitted
from hardneg.leave import allowing
from hardneg.models.given import resolve_model
from hardneg.models.sentence_transformer import load_model
from hardneg.recipe import Recipe
from hardneg.scoring import CrossEncoder
from hardneg.sources import Dense
from hardneg.sources.vector_files import read_vectors
from hardneg.spreadsheets import guarded, guarded_frame, unguarded
from hardneg.training.session import load_checkpoint
from tiny_cross_encoder import build_tiny_cross_encoder
from tiny_model import build_tiny_model

TEXTS = ["open a file", "sort a list"]


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def trap(tmp_path, mark, monkeypatch):
    """The name of a module that leaves the mark; it can be imported, and is forgotten after the test."""
    monkeypatch.syspath_prepend(tmp_path / "modules")
    name = traps.trap_module(tmp_path / "modules", mark)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_tiny_model(tmp_path_factory.mktemp("model"), TEXTS)


def recipe_in(folder, text, *, beside="manifest.json"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / beside).write_text("{}")
    (folder / "recipe.toml").write_text(f'dataset = "data"\n{text}')
    return folder / "recipe.toml"


PLACES = {
    "source": '[[sources]]\nuse = "{name}:Sprung"\n',
    "filter": '[[filters]]\nuse = "{name}:Sprung"\n',
    "scorer": '[[filters]]\nuse = "teacher_threshold"\nabove = 0.5\nscorer = "{name}:Sprung"\n',
    "teacher": '[[teachers]]\nuse = "{name}:Sprung"\n',
    "loss": '[train]\nloss = {{ use = "{name}:Sprung" }}\n',
    "mask": '[train]\nmask = {{ use = "{name}:Sprung" }}\n',
    "clusters": '[train]\nclusters = {{ use = "greedy", source = "{name}:Sprung" }}\n',
    "stage": '[[stage]]\nname = "first"\n[[stage.sources]]\nuse = "{name}:Sprung"\n',
}


@pytest.mark.parametrize("place", PLACES)
def test_a_recipe_of_a_run_names_no_code(tmp_path, trap, mark, place):
    recipe = recipe_in(tmp_path / "run", PLACES[place].format(name=trap))
    with pytest.raises(RecipeError, match=r"names code, of the module 'sprung_trap'.*--allow-code"):
        Recipe.load(recipe)
    assert not mark.exists()
    with pytest.raises(RecipeError, match="names code"):
        Recipe.load(recipe, changes={"seed": 1})
    assert not mark.exists()


@pytest.mark.parametrize("beside", ["plan.json", "ladder.json", "fit.json", "modules.json"])
def test_nor_does_one_in_a_ladder_a_fit_or_a_model(tmp_path, trap, mark, beside):
    recipe_in(tmp_path / "run", "", beside=beside)
    inner = recipe_in(tmp_path / "run" / "best", PLACES["source"].format(name=trap), beside="x")
    with pytest.raises(RecipeError, match="names code"):
        Recipe.load(inner)
    assert not mark.exists()


def test_nor_does_one_from_a_hubs_cache(tmp_path, trap, mark):
    place = tmp_path / "hub" / "models--them--theirs" / "snapshots" / "0a1b"
    with pytest.raises(RecipeError, match="names code"):
        Recipe.load(recipe_in(place, PLACES["source"].format(name=trap), beside="README.md"))
    assert not mark.exists()


def test_ones_own_recipe_does_and_so_does_one_that_was_read(tmp_path, trap, mark):
    (tmp_path / "mine").mkdir()
    own = tmp_path / "mine" / "recipe.toml"
    own.write_text('dataset = "data"\n' + PLACES["source"].format(name=trap))
    theirs = recipe_in(tmp_path / "run", PLACES["source"].format(name=trap))
    assert Recipe.load(theirs, allow_code=True).sources[0].name == "trap"
    assert mark.exists()
    sys.modules.pop(trap)
    assert Recipe.load(own).sources[0].name == "trap"
    assert Recipe.load(theirs).sources[0].name == "trap"  # the module was loaded because the user named it


def test_a_recipe_of_a_run_runs_no_code_of_models(tmp_path, model):
    trusts = f'model = "{model}"\n[train]\ntrust_remote_code = true\n'
    with pytest.raises(RecipeError, match=r"would run the code.*--trust-remote-code"):
        Recipe.load(recipe_in(tmp_path / "run", trusts))
    source = '[[sources]]\nuse = "dense"\nmodel = "them/theirs"\ntrust_remote_code = true\n'
    with pytest.raises(RecipeError, match="the code that model 'them/theirs' brings"):
        Recipe.load(recipe_in(tmp_path / "other", source))
    with allowing(models=True):
        assert Recipe.load(recipe_in(tmp_path / "run", trusts)).trusts
    Dense(model="them/theirs", trust_remote_code=True)  # as the user's own recipe builds it when a run goes on
    assert Recipe.load(recipe_in(tmp_path / "other", source)).sources[0].trust_remote_code


def test_a_fitted_filter_names_no_code(tmp_path, trap, mark):
    state = {"slope": 1.0, "intercept": 0.0, "labelled": 0.5, "threshold": 0.5, "seed": 0, "group": None}
    state |= {"split": "train", "vectors": None, "scorers": [{"use": f"{trap}:Sprung"}], "base": []}
    with (tmp_path / "learned.npz").open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state)))
    with pytest.raises(RecipeError, match="names code"):
        AnswerModel.load(tmp_path / "learned.npz")
    assert not mark.exists()


def test_fitted_filters_hold_no_objects(tmp_path, mark):
    path = tmp_path / "filter.npz"
    traps.trapped_archive(path, mark, "state", "mean")
    for load in (AnswerModel.load, lambda place: _fitted(str(place), "x")):
        with pytest.raises(RunError, match="cannot be read"):
            load(path)
    assert not mark.exists()


def test_vectors_hold_no_objects(tmp_path, mark):
    traps.trapped_array(tmp_path / "vectors.npy", mark)
    with pytest.raises(ModelError, match=r"not a readable \.npy"):
        read_vectors(tmp_path / "vectors.npy")
    assert not mark.exists()


def test_weights_hold_no_objects(tmp_path, model, mark):
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(traps.pickled_weights(model, tmp_path / "theirs", mark))
    assert not mark.exists()


def test_weights_of_a_cross_encoder_hold_no_objects(tmp_path, tiny, mark):
    cross = build_tiny_cross_encoder(tmp_path, TEXTS)
    theirs = CrossEncoder(traps.pickled_weights(cross, tmp_path / "theirs", mark))
    with pytest.raises(ModelError, match="cannot be loaded"):
        theirs.fingerprint()
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["sprung_trap.Sprung", "os.system", "sentence_transformers.base.model.torch"])
def test_modules_of_a_model_are_those_of_the_library(tmp_path, model, trap, mark, kind):
    with pytest.raises(ModelError):
        load_model(traps.foreign_module(model, tmp_path / "theirs", kind))
    assert not mark.exists()


def test_a_model_runs_its_own_code_only_if_told(tmp_path, model, mark):
    with pytest.raises(ModelError, match="trust_remote_code"):
        load_model(traps.own_code(model, tmp_path / "theirs", mark))
    assert not mark.exists()


def test_the_name_of_a_model_imports_no_package(tmp_path, mark, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    inner = tmp_path / "sprung_package" / "inner"
    inner.mkdir(parents=True)
    (inner / "config.json").write_text("{}")
    traps.trap_module(tmp_path / "sprung_package", mark, "__init__")
    assert resolve_model("package:sprung_package.inner") == str(inner)
    with pytest.raises(ModelError, match="not installed"):
        resolve_model("package:sprung_package.outer/model")
    assert not mark.exists()


def test_modules_that_lie_about_are_not_taken_for_those_of_packages(tmp_path, tiny, mark):
    """A folder that somebody sent may hold a `numpy.py`, and people go there to look at it."""
    tiny.write(tmp_path / "dataset")
    for name in ("numpy", "polars", "json", "typer", "torch", "jinja2", "hardneg"):
        traps.trap_module(tmp_path, mark, name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "hardneg", "data", "check", "dataset"]
    if (tmp_path / "hardneg.py").exists():  # `-m` itself looks there; the installed command does not
        (tmp_path / "hardneg.py").unlink()
    # As the installed command starts, but for the packages that these tests run with.
    script = "import sys; sys.path.remove('') if '' in sys.path else None; from hardneg.__main__ import main; main()"
    for each in ([*command[:1], "-P", *command[1:]], [sys.executable, "-P", "-c", script, "data", "check", "dataset"]):
        done = subprocess.run(each, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        assert not mark.exists()


def test_settings_of_numba_that_lie_about_are_not_taken(tmp_path):
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: theirs\ncache_locator_classes: theirs.Locator\n")
    code = "import hardneg.search._kernels.compiled, numba; print([numba.config.CACHE_DIR])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment = {name: value for name, value in environment.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['']"


def test_a_dataset_that_was_saved_runs_nothing(tmp_path, mark):
    """A script beside a dataset of the Hub is not run."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    traps.trap_module(folder, mark, "theirs")
    (folder / "README.md").write_text("# data\n")
    with pytest.raises(HardnegError):
        hn.read_dataset(f"hf:{folder}")
    with pytest.raises(InputError):
        hn.read_dataset(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    "name", ["optimizer.bin", "custom_checkpoint_0.pkl", "random_states_0.pkl", "pytorch_model.bin"]
)
def test_a_checkpoint_holds_no_objects(tmp_path, mark, name):
    """What accelerate reads of it; the queue and its like it would read without looking."""
    from accelerate import Accelerator

    class Counted:
        def state_dict(self):
            return {"n": 3, "of": np.arange(3), "share": np.ones(2), "is": np.array([True])}

        def load_state_dict(self, state):
            self.n = state["n"]

    accelerator, counted = Accelerator(), Counted()
    accelerator.register_for_checkpointing(counted)
    layer = torch.nn.Linear(2, 2)
    accelerator.prepare(layer, torch.optim.AdamW(layer.parameters()))
    place = tmp_path / "checkpoint"
    accelerator.save_state(str(place))
    load_checkpoint(accelerator, place)  # arrays as earlier versions kept them
    assert counted.n == 3
    if name == "pytorch_model.bin":
        (place / "model.safetensors").unlink()
    traps.trapped_torch(place / name, mark)
    if name == "random_states_0.pkl":  # which accelerate passes over where it cannot be read
        load_checkpoint(accelerator, place)
    else:
        with pytest.raises(RunError, match="cannot be read"):
            load_checkpoint(accelerator, place)
    assert not mark.exists()


def test_an_archive_that_would_fill_memory_is_refused(tmp_path):
    traps.bomb(tmp_path / "bomb.npz", "state", 2**29)
    assert (tmp_path / "bomb.npz").stat().st_size < 2**20
    for load in (AnswerModel.load, lambda place: _fitted(str(place), "x")):
        with pytest.raises(RunError, match="would unpack to 536,"):
            load(tmp_path / "bomb.npz")


@pytest.fixture
def mined(tmp_path, tiny):
    hn.mine(tiny, sources=["bm25"], filters=[], select={"per_query": 1}, out=tmp_path / "run")
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    shutil.copy(tmp_path / "run" / "negatives" / "part-00000.parquet", secret)
    return tmp_path / "run", secret


def test_links_out_of_a_run_are_not_followed(mined, tiny, tmp_path):
    run, elsewhere = mined
    part = run / "negatives" / "part-00000.parquet"
    part.unlink()
    part.symlink_to(elsewhere / part.name)
    before = (elsewhere / part.name).read_bytes()
    for use in (
        lambda: hn.report(run, dataset=tiny),
        lambda: hn.train("model", tiny, run, out=tmp_path / "out"),
        lambda: hn.export(tiny, run, split="train", form="triplet"),
        lambda: hn.mine(tiny, sources=["bm25"], filters=[], select={"per_query": 1}, out=run),
    ):
        with pytest.raises(RunError, match=r"part-00000\.parquet is a link to .* out of"):
            use()
    assert main(["status", str(run)]) == 0
    assert (elsewhere / part.name).read_bytes() == before


def test_nor_are_folders_that_are_links(mined, tiny):
    run, elsewhere = mined
    shutil.rmtree(run / "candidates")
    (run / "candidates").symlink_to(elsewhere)
    with pytest.raises(RunError, match="candidates is a link"):
        hn.mine(tiny, sources=["bm25"], filters=[], select={"per_query": 1}, out=run)
    assert len(list(elsewhere.iterdir())) == 1


def test_a_link_to_the_run_and_links_within_it_are_followed(mined, tiny, tmp_path):
    run, _ = mined
    (run / "negatives" / "part-00000.parquet").rename(run / "kept.parquet")
    (run / "negatives" / "part-00000.parquet").symlink_to("../kept.parquet")
    (run / ".venv").mkdir()
    (run / ".venv" / "python").symlink_to(sys.executable)
    (tmp_path / "link").symlink_to(run)
    assert hn.report(tmp_path / "link", dataset=tiny).exists()


FORMULAS = ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "plain", "'plain", "a=b"]


def test_texts_that_people_open_in_a_spreadsheet_are_no_formulas(tmp_path):
    """And a file of verdicts is read back all the same."""
    queries = pl.DataFrame({"id": FORMULAS, "text": FORMULAS})
    documents = pl.DataFrame({"id": FORMULAS, "text": [f"{text} d" for text in FORMULAS]})
    labels = {"query_id": FORMULAS, "doc_id": FORMULAS, "relevance": [1] * len(FORMULAS)}
    qrels = pl.DataFrame(labels | {"split": ["train"] * len(FORMULAS)})
    dataset = hn.Dataset.from_tables(queries, documents, qrels, name="formulas")
    rows = pl.DataFrame({"query": range(len(FORMULAS)), "document": [*range(1, len(FORMULAS)), 0]})
    pairs = rows.cast(pl.Int32).with_columns(answer=pl.lit("yes"), drawn=pl.lit("=yes"[1:]))
    path = write_verdict_file(pairs, dataset, tmp_path / "verdicts.csv")
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    back = read_verdict_file(path, dataset)
    assert back.select("query", "document").equals(pairs.select("query", "document"))


@given(st.text())
def test_guarded_texts_come_back(text):
    assert unguarded(str(guarded(text))) == text
    assert not str(guarded(text)).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    frame = guarded_frame(pl.DataFrame({"text": [text, None], "number": [-1, 2]}))
    assert frame.rows() == [(guarded(text), -1), (None, 2)]


def test_nothing_unpacks_archives_into_folders():
    for path in Path(hn.__file__).parent.rglob("*.py"):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & {"extractall", "extractfile", "unpack_archive"}, path


@pytest.mark.parametrize("name", ["data.jsonl.gz", "data.csv.gz", "data.json.gz", "run.gz"])
@pytest.mark.parametrize("unit", [b"a", b"\n", b'{"query": "open", "positive": "use open"}\n'])
def test_a_packed_file_that_would_fill_memory_is_refused(tmp_path, name, unit, monkeypatch, tiny):
    monkeypatch.setattr("hardneg.bounds._UNPACKED", 2**22)
    block = unit * (2**20 // len(unit))
    (tmp_path / name).write_bytes(gzip.compress(block, 9) + gzip.compress(block * 9, 9))  # two members
    source = hn.sources.RunFile(path=str(tmp_path / name))
    reads = {"run.gz": lambda: source.retrieve(tiny, tiny.queries_of("train"), 3)}
    with pytest.raises(DatasetError, match="100 times its size"):
        reads.get(name, lambda: hn.read_dataset(tmp_path / name))()


def test_a_file_of_parquet_with_more_cells_than_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("hardneg.bounds._CELLS", 1_000)
    rows = pl.DataFrame({"query": ["open a file"] * 100_000, "positive": ["use open"] * 100_000})
    rows.write_parquet(tmp_path / "data.parquet")
    with pytest.raises(DatasetError, match="00,000 cells in few bytes"):
        hn.read_dataset(tmp_path / "data.parquet")


def test_a_packed_file_of_texts_is_read_whatever_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("hardneg.bounds._UNPACKED", 2**10)
    rows = [json.dumps({"query": f"q {hash(n)}", "positive": f"d {n * n}"}) for n in range(2_000)]
    (tmp_path / "data.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    assert hn.read_dataset(tmp_path / "data.jsonl.gz").n_queries == 2_000


@pytest.mark.parametrize("place", ["../elsewhere", "/etc", "rungs/../../elsewhere"])
def test_a_ladder_names_no_place_outside_of_its_folder(tmp_path, place):
    (tmp_path / "elsewhere" / "evaluation" / "test").mkdir(parents=True)
    (tmp_path / "ladder").mkdir()
    state = {"measure": "nDCG@10", "rungs": [{"name": "mix", "place": place, "mined": [place]}], "comparisons": []}
    (tmp_path / "ladder" / "ladder.json").write_text(json.dumps(state))
    with pytest.raises(RunError, match="lies outside of the folder"):
        hn.report(tmp_path / "ladder")
