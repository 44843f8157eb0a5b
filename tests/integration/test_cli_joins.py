"""A run joined with another dataset than the one that was mined: ids that mean other texts, labels that were added."""

import json
import shutil

import polars as pl
import pytest

from hardneg.checksums import SUMS
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import RunError
from hardneg.pipeline.scores import read_scores
from hardneg.runs.parts import read_negatives

TEXTS = [
    "The office opens at nine o clock.",
    'He said "never" and left the office.',
    'A 5" screen is small for an office.',
    '"Half quoted text goes on in the office.',
    "The office is closed on Sunday.",
    "What he said of the screen was half of it.",
]
QUERIES = ["when does the office open", "how big is the screen", "what did he say"]
MINE = ("--source", 'bm25(analyzer="plain")', "--filter", "near_duplicate", "--per-query", "3")
TEACHER = ("--scorer", 'bi_encoder(model="tiny", precision="fp32")')


def dataset(texts, answers=((0, 0), (1, 2), (2, 1)), split="train"):
    labels = [(f"q{query}", f"{texts.index(TEXTS[document])}") for query, document in answers]
    return Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": QUERIES}),
        pl.DataFrame({"id": [f"{i}" for i in range(len(texts))], "text": texts}),
        pl.DataFrame(
            [(query, document, 1, split) for query, document in labels],
            schema=["query_id", "doc_id", "relevance", "split"],
            orient="row",
        ),
    )


@pytest.fixture
def place(tmp_path, monkeypatch, bench):
    """`v1`, mined into `run`; `v2`, the same ids with other texts; `labelled`, v1 with an answer more."""
    monkeypatch.chdir(tmp_path)
    dataset(TEXTS).write("v1")
    dataset([*TEXTS[1:], TEXTS[0]]).write("v2")
    shutil.copytree(bench / "tiny", "tiny")
    assert main(["mine", "v1", "-o", "run", *MINE, "--quiet", "--json"]) == 0
    first = read_negatives(tmp_path / "run", read_dataset("v1")).filter(pl.col("query") == 0)["document"][0]
    dataset(TEXTS, [(0, 0), (1, 2), (2, 1), (0, first)]).write("labelled")
    return tmp_path


COMMANDS = {
    "export": ("export", "DATA", "run", "-o", "rows.jsonl"),
    "train": ("train", "DATA", "-o", "model", "--model", "tiny", "--negatives", "run"),
    "score": ("score", "DATA", "--negatives", "run", *TEACHER),
    "teacher": ("teacher", "train", "DATA", "-o", "teacher", "--model", "tiny", "--negatives", "run"),
    "audit": ("audit", "sample", "DATA", "--sample", "3", "--negatives", "run", "--write", "sample.csv"),
    "review": ("review", "run", "--dataset", "DATA", "--export", "verdicts.csv"),
    "report": ("report", "run", "--dataset", "DATA"),
}


def given(command, data, *more):
    return [data if word == "DATA" else word for word in COMMANDS[command]] + list(more)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_on_other_texts_is_refused_by_every_command_whatever_is_allowed(place, refusal, command):
    capture = refusal(*given(command, "v2", "--allow-other-data"))
    assert "was made from other texts than those of v2: its ids may mean other texts now" in capture
    assert "mine v2 into another folder" in capture


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_with_other_labels_is_refused_until_it_is_allowed(place, refusal, command, capsys):
    said = refusal(*given(command, "labelled"))
    assert "was made with other labels than those of labelled, from the same texts" in said
    assert "all the same with --allow-other-data, which" in said
    if command in ("train", "teacher"):  # training itself is tested elsewhere
        return
    assert main(given(command, "labelled", "--allow-other-data")) == 0, capsys.readouterr().err


def test_export_leaves_out_what_has_become_an_answer_and_says_how_many(place, capsys, hardneg):
    found = hardneg(*given("export", "labelled", "--allow-other-data", "--ids"))
    assert found["dropped_answers"] == 1
    rows = pl.read_ndjson(place / "rows.jsonl")
    assert rows.filter(pl.col("positive") == pl.col("negative")).is_empty()
    assert main(given("export", "labelled", "--allow-other-data")) == 0
    shown = capsys.readouterr().err
    assert "1 negatives of run answer their query by now: left out" in shown
    assert "run was made with other labels than those of labelled" in shown


def test_training_and_scoring_leave_out_what_has_become_an_answer(place, capsys):
    more = ("--set", "epochs=1", "--set", "batch_size=3", "--set", "precision=fp32")
    assert main(given("train", "labelled", "--allow-other-data", *more)) == 0
    assert "1 negatives of run answer their query by now: left out" in capsys.readouterr().err
    assert main(given("score", "labelled", "--allow-other-data")) == 0
    assert "1 negatives of run answer their query by now: left out" in capsys.readouterr().err


def test_scores_are_of_texts_so_they_outlive_labels_but_not_texts(place, refusal):
    assert main(given("score", "v1", "--quiet", "--json")) == 0
    assert read_scores(place / "run", read_dataset("labelled")).height
    with pytest.raises(RunError, match="other texts than those of v2"):
        read_scores(place / "run", read_dataset("v2"))
    moved = place / "elsewhere"
    shutil.copytree(place / "run" / "scores", moved)
    with pytest.raises(RunError, match="other texts than those of v2"):
        read_scores(moved, read_dataset("v2"))


def test_a_file_of_negatives_alone_is_joined_by_ids_and_that_is_said(place, capsys):
    shutil.copy(place / "run" / "negatives" / "part-00000.parquet", "alone.parquet")
    assert main(["export", "v1", "alone.parquet", "-o", "rows.jsonl"]) == 0
    assert "alone.parquet does not say which data it was made from; only its ids were looked up in v1" in (
        capsys.readouterr().err
    )
    assert main(["export", "labelled", "alone.parquet", "-o", "rows.jsonl"]) == 0
    assert "negatives of alone.parquet answer their query by now: left out" in capsys.readouterr().err
    rows = pl.read_ndjson(place / "rows.jsonl")
    assert rows.filter(pl.col("positive") == pl.col("negative")).is_empty()


def test_order_of_rows_is_no_other_text_and_a_split_is_another_label(place):
    v1 = read_dataset("v1")
    order = [5, 3, 0, 1, 2, 4]
    turned = Dataset.from_tables(
        v1.queries.reverse(),
        v1.documents[order],
        v1.qrels.select(
            query_id=v1.queries["id"].gather(v1.qrels["query"]),
            doc_id=v1.documents["id"].gather(v1.qrels["document"]),
            relevance="relevance",
            split="split",
        ).reverse(),
    )
    assert turned.fingerprint != v1.fingerprint
    assert turned.texts_fingerprint == v1.texts_fingerprint
    assert turned.labels_fingerprint == v1.labels_fingerprint
    other = dataset(TEXTS, split="test")
    assert other.texts_fingerprint == v1.texts_fingerprint
    assert other.labels_fingerprint != v1.labels_fingerprint
    assert dataset([*TEXTS[:5], "changed"]).texts_fingerprint != v1.texts_fingerprint


def test_a_run_of_an_earlier_version_goes_by_its_one_fingerprint(place, refusal, capsys):
    file = place / "run" / "mining.json"
    account = json.loads(file.read_text())
    file.with_name(SUMS).unlink()
    file.write_text(json.dumps({name: value for name, value in account.items() if name not in ("texts", "labels")}))
    assert main(given("export", "v1", "--json")) == 0
    capsys.readouterr()
    said = refusal(*given("export", "labelled", "--allow-other-data"))
    assert "does not say whether texts or only labels differ" in said
    assert main(["mine", "v1", "-o", "run", *MINE, "--quiet", "--json"]) == 0
    assert json.loads(file.read_text()) == account, "mining again says what was missing"


def test_verdicts_of_a_review_are_not_taken_for_those_on_other_texts(place, refusal, capsys):
    assert main(given("review", "v1")) == 0
    capsys.readouterr()
    again = ("mine", "v2", "-o", "again", *MINE, "--verdicts")
    assert "was made from other texts than those of v2" in refusal(*again, "run")
    shutil.copy(place / "run" / "review" / "verdicts.sqlite", "moved.sqlite")
    assert "was made from other texts than those of v2" in refusal(*again, "moved.sqlite")


def test_a_file_of_verdicts_is_refused_where_its_ids_mean_other_texts(place, refusal, capsys):
    assert main(given("audit", "v1", "--json")) == 0
    capsys.readouterr()
    filled = pl.read_csv("sample.csv", infer_schema=False).with_columns(answer=pl.lit("no"))
    filled.write_csv("sample.csv")
    assert main(["audit", "sample", "v1", "--read", "sample.csv", "--json"]) == 0
    capsys.readouterr()
    said = refusal("audit", "sample", "v2", "--read", "sample.csv")
    assert "sample.csv:2: the verdict is on another text than that of doc_id" in said
    filled.drop("query", "document").write_csv("sample.csv")
    assert main(["audit", "sample", "v2", "--read", "sample.csv", "--json"]) == 0


def test_evaluations_on_other_texts_or_labels_are_not_compared(place, refusal, hardneg):
    for name, data in (
        ("v1", dataset(TEXTS, split="test")),
        ("v2", dataset([*TEXTS[1:], TEXTS[0]], split="test")),
        ("more", dataset(TEXTS, [(0, 0), (1, 2), (2, 1), (0, 4)], split="test")),
    ):
        data.write(f"tested-{name}")
        hardneg("evaluate", f"tested-{name}", "--bm25", "plain", "-o", f"bm25-{name}")
    assert "are runs on different datasets" in refusal("compare", "bm25-v1", "bm25-v2", "--allow-other-data")
    assert "are runs on different labels of the same texts" in refusal("compare", "bm25-v1", "bm25-more")
    assert hardneg("compare", "bm25-v1", "bm25-more", "--allow-other-data")["rungs"]
