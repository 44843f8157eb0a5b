"""`hardneg data split`, and where other commands point to it."""

import json

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.reading import read_dataset
from word_list import WORDS


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    """A file of pairs without a split, as most people have one."""
    monkeypatch.chdir(tmp_path)
    rows = [(f"{a} {b} where", f"the {b} of {a} lies there", a) for a in WORDS for b in WORDS if a != b]
    pl.DataFrame(rows, schema=["query", "positive", "topic"], orient="row").write_csv("pairs.csv")
    return tmp_path / "pairs.csv"


def test_a_file_with_names_of_its_own_is_dealt(pairs, hardneg, capsys):
    table = pl.read_csv(pairs).rename({"query": "Frage", "positive": "Antwort"})
    table.write_csv("fragen.csv", separator=";")
    assert main(["data", "split", "fragen.csv", "-o", "none"]) == 2
    assert "name it with --query" in capsys.readouterr().err
    hardneg("data", "split", "fragen.csv", "-o", "dealt", "--query", "frage", "--positive", "Antwort")
    assert set(read_dataset("dealt").splits) == {"train", "dev", "test"}


def test_a_file_of_pairs_is_dealt_and_the_folder_says_how(pairs, hardneg, capsys):
    told = hardneg("data", "split", "pairs.csv", "-o", "dealt")
    assert told["split"]["queries"] == {"train": 168, "dev": 24, "test": 48}
    assert {name: each["queries"] for name, each in told["splits"].items()} == told["split"]["queries"]
    written = json.loads((pairs.parent / "dealt" / "split.json").read_text())
    assert written == told["split"]
    assert (written["by"], written["test_share"], written["dev_share"], written["seed"]) == ("query", 0.2, 0.1, 0)
    assert main(["data", "split", "pairs.csv", "-o", "again", "--seed", "0"]) == 0
    said = f"dealt by query in {written['pieces']} pieces, seed 0: train 168 (70.0%), dev 24 (10.0%), test 48 (20.0%)"
    assert said in capsys.readouterr().out
    assert read_dataset("again").fingerprint == read_dataset("dealt").fingerprint
    assert read_dataset("dealt").texts_fingerprint == read_dataset("pairs.csv").texts_fingerprint


def test_by_group_a_topic_is_in_one_split(pairs, hardneg):
    told = hardneg("data", "split", "pairs.csv", "-o", "dealt", "--group", "topic", "--dev-share", "0")
    assert told["split"]["by"] == "group"
    assert set(told["splits"]) == {"train", "test"}
    data = read_dataset("dealt")
    topic = {split: set(data.queries["topic"].gather(data.queries_of(split))) for split in ("train", "test")}
    assert not topic["train"] & topic["test"]


def test_a_split_that_is_not_there_names_the_way_out_and_the_way_leads_there(pairs, refusal, hardneg):
    said = refusal("evaluate", "pairs.csv", "--bm25", "plain")
    assert "has no split 'test'; it has: train. `hardneg data split DATASET -o OUT` makes one" in said
    hardneg("data", "split", "pairs.csv", "-o", "dealt")
    assert hardneg("evaluate", "dealt", "--bm25", "plain")["bm25"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "time"], "--by time needs the column: --time COLUMN"),
        (["--group", "topic", "--time", "topic"], "--group and --time are different ways to split"),
        (["--group", "topic", "--by", "document"], "--by document and --group are different ways to split"),
        (["--time", "topic"], "which is no time"),
        (["--group", "page"], "no column 'page'; its queries and documents have: topic"),
        (["--by", "chance"], "choose one of: query, document, group, time"),
        (["--test-share", "0.9", "--dev-share", "0.3"], "something must be left to train on"),
        (["--split", "valid"], "has no split 'valid' to deal; it has: train"),
    ],
)
def test_what_cannot_be_dealt_is_refused_with_the_way_out(pairs, refusal, options, message):
    assert message in refusal("data", "split", "pairs.csv", "-o", "dealt", *options)
    assert not (pairs.parent / "dealt").exists()


def test_a_folder_that_holds_a_dataset_is_kept(pairs, refusal, hardneg):
    hardneg("data", "split", "pairs.csv", "-o", "dealt")
    assert "already holds a dataset" in refusal("data", "split", "pairs.csv", "-o", "dealt")
    assert "already has the splits" in refusal("data", "split", "dealt", "-o", "more")
    assert hardneg("data", "split", "dealt", "-o", "more", "--again", "--seed", "1")["split"]["again"]
