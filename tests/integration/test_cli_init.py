"""`hardneg init`: a first recipe that runs, with the reasons that were seen in the data."""

import json
import tomllib
from pathlib import Path

import polars as pl
import pytest

from hardneg import Recipe
from hardneg.cli import main
from hardneg.data.dataset import Dataset


def written(
    folder, *, splits=("train", "dev", "test"), query="how do I reset the box number", documents=None, extra=None
):
    """30 queries with an answer each, a third in each split."""
    texts = documents or [f"press key {i} until the light of model {i} is green" for i in range(60)]
    columns = {"id": [f"d{i}" for i in range(60)], "text": texts, **(extra or {})}
    rows = [(f"q{i}", f"d{i}", 1, splits[i % len(splits)]) for i in range(30)]
    Dataset.from_tables(
        pl.DataFrame({"id": [f"q{i}" for i in range(30)], "text": [f"{query} {i}" for i in range(30)]}),
        pl.DataFrame(columns),
        pl.DataFrame(rows, schema=["query_id", "doc_id", "relevance", "split"], orient="row"),
        name="boxes",
    ).write(folder)
    return str(folder)


def first(folder, *options):
    assert main(["init", folder, "-o", "mine.toml", *options]) == 0
    return Recipe.load("mine.toml"), Path("mine.toml").read_text()


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_recipe_runs_as_it_is(bench, capsys):
    first(str(bench / "data"), "--model", str(bench / "tiny"))
    assert "hardneg run mine.toml" in capsys.readouterr().out
    assert main(["run", "mine.toml", "-o", "runs/mine", "--json"]) == 0
    assert "in_batch" in capsys.readouterr().out


def test_choices_stand_with_their_reasons(tmp_path):
    recipe, text = first(written(tmp_path / "boxes"))
    assert recipe.mine.depth == 10
    assert "of 60 documents" in text
    assert recipe.train.max_tokens == 32
    assert recipe.evaluate.split == "test"
    assert '# watch = { split = "dev", keep = "best" }' in text
    assert "one labelled answer" in text
    assert "# seeds = [1, 2, 3]" in text
    assert 'path = "boxes"' in text
    suggested = text.replace("# seeds", "seeds").replace("# epochs", "epochs").replace("# watch", "watch")
    assert Recipe.from_table(tomllib.loads(suggested)).seeds == (1, 2, 3)


def test_short_queries_are_told(tmp_path):
    _, text = first(written(tmp_path / "boxes", query="reset"))
    assert "100% of the queries have at most three words" in text
    assert "hardneg calibrate" in text


@pytest.mark.parametrize(
    ("document", "analyzer", "hint"),
    [
        ("find . -name '*.py' | xargs grep -l (x) > $OUT_{}; [ -n $A ]", "code", "hardneg data code"),
        ("as section 12 has it, the holder of a licence {} notifies the board", "legal", "hardneg data sections"),
        ("дверь номер {} открывается ключом", "plain", "Snowball"),
        ("the door number {} opens with a key", "english", "English"),
    ],
)
def test_the_kind_of_texts_decides_how_words_are_cut(document, analyzer, hint, tmp_path):
    recipe, text = first(written(tmp_path / "boxes", documents=[document.replace("{}", str(i)) for i in range(60)]))
    assert recipe.sources[0].analyzer == analyzer
    assert hint in text


def test_a_preset_is_taken_where_its_metadata_are_there(tmp_path):
    extra = {"document": [f"act {i % 6}" for i in range(60)], "section": [f"{i}" for i in range(60)]}
    extra |= {"parent": [f"p{i % 20}" for i in range(60)], "terms": [[f"t{i % 9}"] for i in range(60)]}
    recipe, text = first(written(tmp_path / "boxes", extra=extra))
    assert 'preset = "legal"' in text
    assert "neighbours" in [source.name for source in recipe.sources]


def test_without_a_test_the_development_split_is_measured_on(tmp_path):
    recipe, text = first(written(tmp_path / "boxes", splits=("train", "dev")))
    assert recipe.evaluate.split == "dev"
    assert "hardneg data split" in text


@pytest.mark.parametrize(("splits", "next_"), [(("train",), "data split"), (("test",), "data split {} --split test")])
def test_a_dataset_that_cannot_be_measured_on_is_refused_with_the_next_command(splits, next_, tmp_path, capsys):
    folder = written(tmp_path / "boxes", splits=splits)
    assert main(["init", folder]) == 2
    assert next_.format(folder) in capsys.readouterr().err


def test_a_recipe_that_is_there_is_kept(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text("kept")
    assert main(["init", written(tmp_path / "boxes"), "-o", "mine.toml"]) == 2
    assert "already" in capsys.readouterr().err
    assert (tmp_path / "mine.toml").read_text() == "kept"


def test_what_is_said_of_the_layout_stands_in_the_recipe(tmp_path, capsys):
    rows = [{"asked": f"how {i}\n# x", "reply": f"press key {i}", "part": ("train", "test")[i % 2]} for i in range(20)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = ["--query", "asked", "--positive", "reply", "--split-column", "part", "--json"]
    recipe, _ = first("rows.jsonl", *said)
    assert json.loads(capsys.readouterr().out)["recipe"] == "mine.toml"
    assert (recipe.dataset.query, recipe.dataset.positive, recipe.dataset.split_column) == ("asked", "reply", "part")
