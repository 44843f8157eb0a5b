"""Every benchmark of speed runs, and what it times is right. How fast it was is not looked at here."""

import importlib
import json
import runpy
import sys
from pathlib import Path

import polars as pl
import pytest

from tiny_model import build_tiny_model
from toy import toy_dataset

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed"
SETS = ("scifact", "obliqa", "nl2bash")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the toy dataset under the names of the real ones, in BEIR's layout, and a model `tiny`."""
    root, toy = tmp_path_factory.mktemp("speed"), toy_dataset()
    for name in SETS:
        folder = root / name
        (folder / "qrels").mkdir(parents=True)
        toy.documents.select(pl.col("id").alias("_id"), "text").write_ndjson(folder / "corpus.jsonl")
        toy.queries.select(pl.col("id").alias("_id"), "text").write_ndjson(folder / "queries.jsonl")
        labels = toy.qrels.select(
            toy.queries["id"].gather(toy.qrels["query"]).alias("query-id"),
            toy.documents["id"].gather(toy.qrels["document"]).alias("corpus-id"),
            pl.col("relevance").alias("score"),
        )
        for split in ("train", "dev", "test"):
            labels.write_csv(folder / "qrels" / f"{split}.tsv", separator="\t")
    build_tiny_model(root, [*toy.query_texts, *toy.document_texts])
    return root


@pytest.fixture
def speed(monkeypatch):
    """Make the modules of benchmarks/speed importable, and forget them afterwards."""
    monkeypatch.syspath_prepend(str(SPEED))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(SPEED)):
            del sys.modules[name]


@pytest.mark.parametrize("row", list(runpy.run_path(str(SPEED / "rows.py"))["ROWS"]))
def test_results_of_each_benchmark_are_right(row, speed, work, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--tiny", "--data", str(work), "--model", str(work / "tiny"), "--results", str(tmp_path)]
    speed(row).main(options)
    result = json.loads((tmp_path / f"{row}.json").read_text())
    assert json.loads(capsys.readouterr().out) == result
    assert result["row"] == row
    assert result["checks"]
    assert all(result["checks"].values())


def test_table_of_the_readme_is_what_the_results_say(speed):
    page = (SPEED / "README.md").read_text()
    assert speed("table").with_table(page) == page


def test_every_row_names_what_was_promised(speed):
    rows = speed("rows").ROWS
    assert {path.stem for path in (SPEED / "results").glob("*.json")} <= set(rows)
