"""What `hardneg train` does with labels, batches and losses that teach otherwise than their owner may think."""

import importlib.util
import json
import os
import subprocess
import sys

import polars as pl
import pytest

import hardneg as hn
from hardneg.audits.verdict_files import VERDICTS_SCHEMA
from hardneg.cli import main
from hardneg.data.reading import read_dataset
from tiny_model import build_tiny_model

OWN = [
    {
        "query": "who built the bridge",
        "positive": "An engineer built the bridge.",
        "negatives": ["A miner dug the tunnel.", "The bridge is red."],
    },
    {"query": "who dug the tunnel", "positive": "A miner dug the tunnel.", "negatives": ["The tunnel is dark."]},
    {
        "query": "who sells ice",
        "positive": "The cafe sells ice.",
        "negatives": ["Ice is cold.", "The cafe is closed."],
    },
]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A file of pairs that brings five negatives, and a model that knows its words."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in OWN))
    texts = [text for row in OWN for text in (row["query"], row["positive"], *row["negatives"])]
    build_tiny_model(folder, texts)
    return folder


def train(place, data, out, *options):
    settings = ["--set", "precision=fp32", "--set", "learning_rate=1e-3"]
    return main(["train", str(data), "-o", str(out), "--model", str(place / "tiny"), *settings, *map(str, options)])


def inputs(out):
    return json.loads((out / "training.json").read_text())["inputs"]


def codes(out):
    return [found["code"] for found in json.loads((out / "findings.json").read_text())]


def test_negatives_of_the_file_itself_are_trained_on_and_that_is_said(own, tmp_path, capsys):
    assert train(own, own / "own.jsonl", tmp_path / "own") == 0
    assert "trained on 5 negatives that the labels of the dataset name (source judged)" in capsys.readouterr().err
    assert train(own, own / "own.jsonl", tmp_path / "alone", "--set", "own_negatives=false") == 0
    assert "judged" not in capsys.readouterr().err
    assert inputs(tmp_path / "own")["negatives"] is not None
    assert inputs(tmp_path / "alone")["negatives"] is None
    pools = [json.loads((tmp_path / name / "loss.jsonl").read_text())["n_pool"] for name in ("own", "alone")]
    assert pools == [7, 3]


def test_a_judged_negative_that_answers_the_query_is_not_trained_on(own, tmp_path, hardneg):
    rows = [OWN[0] | {"negatives": ["an engineer  built the bridge.", "The bridge is red."]}, *OWN[1:]]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    trained = hardneg("train", tmp_path / "own.jsonl", "-o", tmp_path / "t", "--model", own / "tiny")
    assert trained["own_negatives"] == 4


def test_a_run_without_sources_trains_on_the_datasets_own_negatives_too(own, tmp_path, hardneg, capsys):

    recipe = f'dataset = "{own}/own.jsonl"\nmodel = "{own}/tiny"\nsources = []\n'
    (tmp_path / "r.toml").write_text(recipe + '[evaluate]\nsplit = "train"\nrows = []\n')
    assert main(["run", str(tmp_path / "r.toml"), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert "trained on 5 negatives that the labels of the dataset name (source judged)" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["own_negatives"] == {"in_batch-seed0": 5}


def test_of_many_judged_negatives_a_row_gets_eight_unless_told_otherwise(own, tmp_path):
    rows = [OWN[0] | {"negatives": [f"The bridge is {number} meters long." for number in range(30)]}, *OWN[1:]]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert train(own, tmp_path / "own.jsonl", tmp_path / "turns") == 0
    assert train(own, tmp_path / "own.jsonl", tmp_path / "two", "--set", "negatives_per_row=2") == 0
    pools = [json.loads((tmp_path / name / "loss.jsonl").read_text())["n_pool"] for name in ("turns", "two")]
    assert pools == [3 + 8 + 1 + 2, 3 + 2 + 1 + 2]


@pytest.mark.parametrize(("sources", "said"), [(["bm25"], True), (["bm25", "judged"], False)])
def test_judged_negatives_that_mining_left_aside_are_a_finding(own, tmp_path, capsys, sources, said):
    options = [word for source in sources for word in ("--source", source)]
    command = ["mine", str(own / "own.jsonl"), "-o", str(tmp_path / "run"), "--per-query", "3", "--quiet"]
    assert main([*command, *options, "--filter", "near_duplicate"]) == 0
    capsys.readouterr()
    assert train(own, own / "own.jsonl", tmp_path / "t", "--negatives", tmp_path / "run") == 0
    assert ("HN037: judged negatives are not trained on" in capsys.readouterr().err) == said
    assert ("HN037" in codes(tmp_path / "t")) == said


def beir(folder, pairs, n_queries, n_documents):
    words = [f"{a}{b}" for a in "bdgklmnp" for b in "aeiou"]
    text = [f"{words[i % 40]} {words[i // 40]} {words[(7 * i) % 40]}" for i in range(max(n_queries, n_documents))]
    (folder / "qrels").mkdir(parents=True)
    for name, n in (("queries", n_queries), ("corpus", n_documents)):
        lines = [json.dumps({"_id": f"{name[0]}{i}", "text": f"{name[0]} {text[i]}"}) for i in range(n)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    lines = [f"q{query}\tc{document}\t1" for query, document in pairs]
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    build_tiny_model(folder, [f"{kind} {each}" for kind in "qc" for each in text])
    return folder


def test_a_query_with_most_of_the_positives_has_something_to_learn_in_every_step(tmp_path, hardneg):
    pairs = [(0, i) for i in range(60)] + [(i, 59 + i) for i in range(1, 13)]
    data = beir(tmp_path / "data", pairs, 13, 72)
    trained = hardneg("train", data, "-o", tmp_path / "t", "--model", data / "tiny", "--set", "batch_size=12")
    assert trained["n_steps"] == 6
    steps = [json.loads(line) for line in (tmp_path / "t" / "loss.jsonl").read_text().splitlines()]
    assert min(step["grad_norm"] for step in steps) > 0.01
    assert trained["findings"] == []


def test_pairs_that_meet_no_negative_are_left_out_and_reported(tmp_path, capsys):
    data = beir(tmp_path / "data", [(0, i) for i in range(60)] + [(1, 60)], 2, 61)
    assert train(data, data, tmp_path / "t", "--set", "batch_size=8") == 0
    shown = capsys.readouterr()
    assert "1 steps over 61 pairs" in shown.out
    assert "HN040: part of the training teaches nothing: 53 of 61 pairs of an epoch are left out" in shown.err


def test_a_last_pair_is_not_left_alone(tmp_path, hardneg):
    data = beir(tmp_path / "data", [(i, i) for i in range(33)], 33, 33)
    trained = hardneg("train", data, "-o", tmp_path / "t", "--model", data / "tiny")
    steps = [json.loads(line) for line in (tmp_path / "t" / "loss.jsonl").read_text().splitlines()]
    assert sorted(step["n_pool"] for step in steps) == [16, 17]
    assert trained["loss"] == pytest.approx(sum(step["loss"] for step in steps) / 2)


def test_a_temperature_that_leaves_no_gradient_is_a_finding(tmp_path, capsys):
    data = beir(tmp_path / "data", [(i, i) for i in range(24)], 24, 24)
    loss = ["--set", "loss={'use': 'triplet', 'margin': 1e-9}", "--set", "batch_size=2"]
    assert train(data, data, tmp_path / "t", *loss) == 0
    assert "HN040: part of the training teaches nothing" in capsys.readouterr().err
    assert "12 steps had no gradient" in json.loads((tmp_path / "t" / "findings.json").read_text())[0]["detail"]


@pytest.mark.parametrize(("temperature", "said"), [("1.0", True), ("0.05", False)])
def test_squashed_scores_at_a_teacher_temperature_of_one_are_a_finding(own, tmp_path, capsys, temperature, said):
    data = read_dataset(own / "own.jsonl")
    pairs = [(q, d, "toy", 0.1 * (d + 1)) for q in data.queries["id"] for d in range(data.n_documents)]
    table = pl.DataFrame(pairs, schema=["query_id", "document", "teacher", "score"], orient="row")
    table = table.with_columns(doc_id=data.documents["id"].gather(table["document"])).drop("document")
    table.write_parquet(tmp_path / "scores.parquet")
    loss = f"loss={{'use': 'kl', 'teacher_temperature': {temperature}}}"
    assert train(own, own / "own.jsonl", tmp_path / "t", "--scores", tmp_path / "scores.parquet", "--set", loss) == 0
    assert ("HN042: the teacher's softmax is all but even" in capsys.readouterr().err) == said


def test_a_tracker_without_a_key_is_one_message(own, tmp_path):
    pytest.importorskip("wandb")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("WANDB") and name != "NETRC"
    }
    environment |= {"HOME": str(tmp_path), "WANDB_DIR": str(tmp_path), "WANDB_BASE_URL": "http://127.0.0.1:9"}
    command = ["train", own / "own.jsonl", "-o", tmp_path / "t", "--model", own / "tiny", "--set", "trackers=['wandb']"]
    # In a process of its own: wandb keeps what it was told for as long as a process lives.
    started = [sys.executable, "-m", "hardneg", *map(str, command)]
    done = subprocess.run(
        started, capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "hardneg: the tracker 'wandb' cannot be started: " in done.stderr
    assert "WANDB_API_KEY" in done.stderr


def test_a_tracker_that_is_not_installed_is_named_with_its_extra(own, tmp_path, refusal, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "wandb" else real(name, *rest))
    command = ["train", own / "own.jsonl", "-o", tmp_path / "t", "--model", own / "tiny", "--set", "trackers=['wandb']"]
    assert "the tracker 'wandb' needs wandb: pip install 'hardneg[wandb]'" in refusal(*command)


def test_python_trains_on_the_labels_that_the_command_trains_on(bench, tmp_path):
    data = read_dataset(bench / "data")
    first = hn.mine(data, sources=["bm25(analyzer='plain')"], filters=[], depth=9)
    query, document = first.negatives.select("query", "document").row(0)
    verdicts = pl.DataFrame([(query, document, True, True)], schema=VERDICTS_SCHEMA, orient="row")
    out, settings = tmp_path / "run", hn.TrainSettings(batch_size=8, precision="fp32")
    mined = hn.mine(data, sources=["bm25(analyzer='plain')"], filters=[], depth=9, verdicts=verdicts, out=out)
    assert mined.found.height == 1
    hn.train(bench / "tiny", data, mined, settings=settings, out=tmp_path / "python")
    hn.train(bench / "tiny", data, mined.negatives, settings=settings, out=tmp_path / "table")
    command = ["train", bench / "data", "--model", bench / "tiny", "--negatives", out, "-o", tmp_path / "command"]
    command += ["--set", "batch_size=8", "--set", "precision=fp32", "--quiet"]
    assert main([*map(str, command)]) == 0
    assert inputs(tmp_path / "python") == inputs(tmp_path / "command")
    assert inputs(tmp_path / "table")["dataset"] == data.fingerprint != inputs(tmp_path / "python")["dataset"]
    models = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("python", "command", "table")]
    assert models[0] == models[1] != models[2]
