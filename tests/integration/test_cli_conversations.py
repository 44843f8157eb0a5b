"""Conversations whose histories are plain texts, from files to negatives, through the command line."""

import json

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.reading import read_dataset
from tiny_model import build_tiny_model

DOCUMENTS = {
    "p1": ("Bridge", "The bridge was built in 1900 by an engineer."),
    "p2": ("Tunnel", "The tunnel was dug in 1910 by miners."),
    "p3": ("Bridge", "The bridge is 300 metres long."),
    "p4": ("Tunnel", "The tunnel is 200 metres long."),
}
QUERIES = [
    ("1_1", "Who built the bridge?", [], "p1"),
    ("1_2", "How long is the bridge?", ["Who built the bridge?", "An engineer."], "p3"),
    ("2_1", "Who dug the tunnel?", [], "p2"),
    ("2_2", "How long is the tunnel?", ["Who dug the tunnel?", "Miners."], "p4"),
]


@pytest.fixture(params=["numbered", "bare"])
def dataset(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qrecc" / "qrels").mkdir(parents=True)
    names = {each[0]: each[0] if request.param == "numbered" else f"q{at}x" for at, each in enumerate(QUERIES)}
    records = [{"_id": names[key], "text": text, "history": history} for key, text, history, _ in QUERIES]
    corpus = [{"_id": key, "title": title, "text": text} for key, (title, text) in DOCUMENTS.items()]
    for file, rows in (("queries", records), ("corpus", corpus)):
        (tmp_path / "qrecc" / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = "".join(f"{names[key]}\t{answer}\t1\n" for key, _, _, answer in QUERIES)
    (tmp_path / "qrecc" / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + labels)
    return request.param


def pairs(rows, built):
    turns = dict(read_dataset(built).queries.select("id", "turn_text").iter_rows())
    return {(turns[query], document) for query, document in rows.select("query_id", "doc_id").iter_rows()}


def negatives(run, built):
    return pairs(pl.read_parquet(f"{run}/negatives/*.parquet"), built)


def test_plain_histories_are_one_conversation_each_and_say_how(dataset, capsys):
    assert main(["data", "conversations", "qrecc", "-o", "talk", "--form", "history"]) == 0
    shown = capsys.readouterr().out
    source = "id (1_1 is of conversation 1)" if dataset == "numbered" else "what the histories share"
    assert f"conversation_id  ← {source}" in shown
    assert "speakers         ← user and assistant by turns, the user first" in shown
    queries = read_dataset("talk").queries
    first, second, third, fourth = queries["conversation_id"]
    assert first == second != third == fourth
    assert queries["text"][1] == "How long is the bridge? | assistant: An engineer. | user: Who built the bridge?"


def test_the_answer_of_the_next_turn_is_never_mined(dataset, capsys):
    assert main(["data", "conversations", "qrecc", "-o", "talk", "--form", "last"]) == 0
    wanted = ["--source", "earlier_turns", "--source", "bm25", "--filter", "later_turns", "--quiet"]
    assert main(["mine", "talk", "-o", "run", *wanted]) == 0
    found = negatives("run", "talk")
    assert ("How long is the bridge?", "p1") in found  # the answer of the turn before
    assert ("How long is the tunnel?", "p2") in found
    assert not {("Who built the bridge?", "p3"), ("Who dug the tunnel?", "p4")} & found


def test_the_preset_mines_what_answered_the_turn_before(dataset, tmp_path, capsys):
    assert main(["data", "conversations", "qrecc", "-o", "talk"]) == 0
    texts = [text for _, text in DOCUMENTS.values()] + [text for _, text, _, _ in QUERIES]
    model = build_tiny_model(tmp_path / "model", texts)
    command = ["mine", "talk", "-o", "run", "--preset", "conversation", "--model", str(model), "--quiet"]
    assert main(command) == 0
    assert not {("Who built the bridge?", "p3"), ("Who dug the tunnel?", "p4")} & negatives("run", "talk")
    candidates = pl.read_parquet("run/candidates/*.parquet")
    later = candidates.filter(pl.col("dropped_by") == "later_turns")
    assert pairs(later, "talk") == {("Who built the bridge?", "p3"), ("Who dug the tunnel?", "p4")}
    earlier = candidates.filter(pl.col("rank.earlier_turns").is_not_null())
    assert pairs(earlier, "talk") == {("How long is the bridge?", "p1"), ("How long is the tunnel?", "p2")}


def test_the_mapping_is_part_of_the_json(dataset, capsys):
    assert main(["data", "conversations", "qrecc", "-o", "talk", "--json"]) == 0
    mapping = json.loads(capsys.readouterr().out)["mapping"]
    assert {"role": "turn", "from": "number of turns in the history"} in mapping["fields"]
