import pytest

from hardneg.cli import main
from hardneg.costs import Calibration

STAGE = {"once_s": 1.0, "block_s": 100.0, "memory_gb": 0.5}
FOUND = {"start_s": 2.0, "block_bytes": 1_000, "read": STAGE, "bm25": STAGE, "vectors": STAGE, "filters": STAGE}
SIZE = ("--documents", 1_000, "--queries", 409_600)


@pytest.fixture
def known(monkeypatch):
    """Every trial has been done on this machine."""
    monkeypatch.setattr(Calibration, "trial", lambda self, name, given: FOUND)


def test_plan_says_how_long_how_large_and_how_many_machines(known, hardneg):
    found = hardneg("plan", *SIZE, "--source", "vectors", "--dim", 8, "--hours", 2)
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


def test_plan_shows_a_table(known, capsys):
    assert main(["plan", *map(str, SIZE), "--dim", "8", "--hours", "2"]) == 0
    shown = capsys.readouterr().out
    assert "index for BM25" in shown
    assert "machines take" in shown
    assert main(["plan", *map(str, SIZE), "--hours", "0.0001"]) == 0
    assert "No number of machines" in capsys.readouterr().out


def test_a_dataset_gives_counts_and_texts(known, bench, hardneg):
    found = hardneg("plan", bench / "data", "--documents", 5_000)
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
    ],
)
def test_what_does_not_fit_is_refused(arguments, message, known, refusal):
    assert message in refusal("plan", *arguments)


def test_lengths_are_for_texts_that_are_made(known, bench, refusal):
    assert "leave --document-tokens" in refusal("plan", bench / "data", "--document-tokens", 5)
