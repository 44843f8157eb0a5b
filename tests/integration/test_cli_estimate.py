import json
import os
from pathlib import Path

import pytest

import hardneg as hn
from hardneg.cli import main
from hardneg.costs import Trials

STAGE = {"once_s": 1.0, "block_s": 100.0, "memory_gb": 0.5}
FOUND = {"start_s": 2.0, "block_bytes": 1_000, "read": STAGE, "bm25": STAGE, "vectors": STAGE, "filters": STAGE}
SIZE = ("--documents", 1_000, "--queries", 409_600)


@pytest.fixture
def known(monkeypatch):
    """Every trial has been done on this machine."""
    monkeypatch.setattr(Trials, "trial", lambda self, name, given: FOUND)


def test_estimate_says_how_long_how_large_and_how_many_machines(known, hardneg):
    found = hardneg("estimate", *SIZE, "--source", "vectors", "--dim", 8, "--hours", 2)
    assert [stage["name"] for stage in found["stages"]] == [
        "start",
        "read the dataset",
        "load vectors",
        "search vectors",
        "prepare filters",
        "filter, choose, write",
    ]
    assert found["seconds"] == pytest.approx(2 + 3 + 2 * 100 * 409_600 / 4_096)
    assert (found["hours"], found["machines"]) == (2, 3)
    assert found["work"]["documents"] == 1_000


def test_estimate_shows_a_table(known, capsys):
    assert main(["estimate", *map(str, SIZE), "--dim", "8", "--hours", "2"]) == 0
    shown = capsys.readouterr().out
    assert "index for BM25" in shown
    assert "machines take" in shown
    assert main(["estimate", *map(str, SIZE), "--dim", "8", "--hours", "1000"]) == 0
    alone = capsys.readouterr().out
    assert "1 machine takes" in alone
    assert "share" not in alone
    assert main(["estimate", *map(str, SIZE), "--hours", "0.0001"]) == 0
    assert "No number of machines" in capsys.readouterr().out


def test_machines_have_a_time_a_network_and_a_price(known, hardneg, capsys):
    size = (*SIZE, "--source", "vectors", "--dim", 8, "--network-gbps", 0.001, "--price-hour", 0.5)
    found = hardneg("estimate", *size, "--machines", 4)
    assert (found["machines"], found["network_gbps"], found["price_hour"]) == (4, 0.001, 0.5)
    assert found["network_seconds"] == pytest.approx(sum(found["moved_gb"].values()) * 8 / 0.001)
    assert found["machines_seconds"] == pytest.approx(2 + 3 + 2 * 100 * 100 / 4 + found["network_seconds"])
    assert found["price"] == pytest.approx(4 * 0.5 * found["machines_seconds"] / 3_600)
    assert main(["estimate", *map(str, size), "--machines", "4"]) == 0
    shown = capsys.readouterr().out
    assert "on 4" in shown
    assert "move between them" in shown
    assert "At 0.5 an hour each that is" in shown
    # The fewest that are in time are the cheapest.
    enough = hardneg("estimate", *size, "--hours", 2)
    assert enough["machines_seconds"] <= 7_200
    assert hardneg("estimate", *size, "--machines", enough["machines"] - 1)["machines_seconds"] > 7_200
    assert "machines" not in hardneg("estimate", *SIZE, "--dim", 8)


def test_a_dataset_gives_counts_and_texts(known, bench, hardneg):
    found = hardneg("estimate", bench / "data", "--documents", 5_000)
    assert (found["work"]["documents"], found["work"]["queries"]) == (5_000, 24)
    assert found["texts"].startswith("texts of ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give --documents and --queries, or a dataset"),
        (("--documents", 5), "Give --queries, or a dataset"),
        ((*SIZE, "--source", "dense"), "dense needs a model"),
        ((*SIZE, "--source", "nothing"), "there is no source 'nothing'"),
        ((*SIZE, "--train-steps", 5), "training needs a model"),
        ((*SIZE, "--hours", 0), "--hours is 0"),
        ((*SIZE, "--price-hour", -1), "--price-hour is -1"),
        ((*SIZE, "--hours", 1, "--machines", 2), "give one of them"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message, known, refusal):
    assert message in refusal("estimate", *arguments)


def test_lengths_are_for_texts_that_are_made(known, bench, refusal):
    assert "leave --document-tokens" in refusal("estimate", bench / "data", "--document-tokens", 5)


def test_the_old_name_works_and_says_the_new_one(known, capsys):
    assert main(["plan", *map(str, SIZE), "--json"]) == 0
    shown = capsys.readouterr()
    assert "`plan` is now `estimate`" in shown.err
    assert json.loads(shown.out)["stages"][0]["name"] == "start"


THEIRS = """
[[sources]]
use = "outside:TheirDense"

[[filters]]
use = "teacher_threshold"
above = 1.5
scorer = { use = "outside:PaidLengths" }
"""


def test_a_recipe_is_tried_part_by_part_and_its_judges_are_on_the_bill(bench, tmp_path, monkeypatch, hardneg):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    text = (bench / "small.toml").read_text().replace('"data"', f'"{bench}/data"').replace('"tiny"', f'"{bench}/tiny"')
    head, mine = text.split("[mine]")
    recipe = tmp_path / "theirs.toml"
    recipe.write_text(head + THEIRS + "[mine]" + mine)
    found = hardneg("estimate", recipe)
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert list(stages) == [
        "start",
        "read the dataset",
        "prepare bm25",
        "search bm25",
        "encode documents",
        "encode queries",
        "load vectors of dense",
        "search dense",
        "encode documents (theirs)",
        "encode queries (theirs)",
        "load vectors of theirs",
        "search theirs",
        "prepare filters",
        "filter, choose, write",
        "train",
        "train (in_batch)",
        "evaluate",
    ]
    assert stages["train"]["work"] == "7 steps"
    assert all(stages[name]["seconds"] > 0 for name in ("search bm25", "encode documents", "train", "evaluate"))
    assert found["work"] == {"recipe": "theirs"}
    (bill,) = found["bills"]
    assert bill["price"] == pytest.approx(0.01 * bill["n_pairs"])
    whole = hn.estimate(recipe)
    assert whole.frame().height == len(stages)
    assert whole.frame()["seconds"].sum() == pytest.approx(found["seconds"])  # nothing is tried again
    assert "search theirs" in repr(whole)


def test_a_recipe_says_what_is_done(bench, refusal):
    assert "a recipe says what is done; leave documents out" in refusal(
        "estimate", bench / "small.toml", "--documents", 5
    )
