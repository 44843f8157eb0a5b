import json

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.ladders.work import do_task
from hardneg.leave import allowing
from tiny_model import build_tiny_model
from toy import toy_dataset

RECIPE = """
dataset = "data"
model = "tiny"

[[sources]]
use = "bm25"
analyzer = "plain"

[[sources]]
use = "dense"
precision = "fp32"

[[filters]]
use = "near_duplicate"

[mine]
depth = 10
block_size = 7

[select]
per_query = 2

[train]
batch_size = 8
epochs = 2
learning_rate = 1e-3
precision = "fp32"
negatives_per_row = 1

[evaluate]
rows = ["bm25", "zero_shot", "in_batch"]
depth = 10
"""


@pytest.fixture(scope="session")
def split_toy() -> Dataset:
    """The toy dataset with its last six queries, of 24, for testing."""
    toy = toy_dataset()
    split = pl.when(pl.col("query") < 18).then(pl.lit("train")).otherwise(pl.lit("test"))
    return Dataset(toy.queries, toy.documents, toy.qrels.with_columns(split.alias("split")), name="toy")


@pytest.fixture
def tasks_here(monkeypatch):
    """Tasks of ladders are done in this process: one of its own for each would take most of a test's time."""

    def work(folder, task):
        with allowing(code=True):  # as the process of a task does
            do_task(folder, task)

    monkeypatch.setattr("hardneg.ladders.processes.in_process", lambda command: work)


@pytest.fixture(scope="session")
def bench(tmp_path_factory, split_toy):
    """A folder with a dataset `data`, a model `tiny` and a recipe `small.toml`; read only."""
    root = tmp_path_factory.mktemp("bench")
    split_toy.write(root / "data")
    build_tiny_model(root, [*split_toy.query_texts, *split_toy.document_texts])
    (root / "small.toml").write_text(RECIPE)
    return root


@pytest.fixture
def hardneg(capsys):
    """Run a command with `--json` that shall succeed; returns the object that it prints."""

    def run(*arguments):
        assert main([*map(str, arguments), "--json"]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        assert shown.out.count("\n") == 1
        return json.loads(shown.out, parse_constant=pytest.fail)

    return run


@pytest.fixture
def refusal(capsys):
    """Run a command that shall be refused; returns its one line of complaint."""

    def run(*arguments):
        assert main([*map(str, arguments)]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1, shown.err
        assert shown.err.startswith("hardneg: ")
        return shown.err

    return run
