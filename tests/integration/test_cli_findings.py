"""Every finding that is documented can appear: a command on data or settings that call for it reports its code."""

import json
import re
import time
from contextlib import nullcontext
from pathlib import Path

import polars as pl
import pytest

from answer_toy import answer_toy
from hardneg.cli import main
from hardneg.progress import showing
from tiny_model import build_tiny_model

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
HERE = (Path(__file__), Path(__file__).with_name("test_cli_training_as_meant.py"))
ELSEWHERE = tuple(
    Path(__file__).with_name(f"test_cli{name}.py")
    for name in ("", "_teacher", "_mining_findings", "_check", "_models", "_watch")
)


def test_every_documented_finding_has_a_test_that_drives_a_command():
    documented = set(re.findall(r"^## (HN\d{3})", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    driven = set(re.findall(r"HN\d{3}", "".join(file.read_text(encoding="utf-8") for file in (*HERE, *ELSEWHERE))))
    assert documented - driven == set()


def write(folder, queries, corpus, qrels):
    """A BEIR folder; of `qrels` each key is a split, each value its rows."""
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("queries", queries), ("corpus", corpus)):
        lines = [
            text if text.startswith("{") else json.dumps({"_id": key, "text": text}) for key, text in texts.items()
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    for split, rows in qrels.items():
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return folder


QUERIES = {"q0": "red apple", "q1": "blue sky", "q2": "green grass"}
CORPUS = {"d0": "apples are red", "d1": "the sky is blue", "d2": "grass is green", "d3": "snow is white"}
TRAIN = [("q0", "d0", 1), ("q1", "d1", 1)]
MANY = {f"m{i}": f"further document {i}" for i in range(40)}


@pytest.mark.parametrize(
    ("code", "queries", "corpus", "qrels"),
    [
        ("HN003", {}, {}, {"train": TRAIN, "test": [("q0", "d3", 1), ("q2", "d2", 1)]}),
        ("HN010", {"q3": "{no json"}, {}, {"train": TRAIN}),
        ("HN011", {}, {}, {"train": [*TRAIN, ("q2", "d99", 1)]}),
        ("HN012", {"q3": " "}, {}, {"train": [*TRAIN, ("q3", "d3", 1)]}),
        ("HN013", {}, {"d4": ""}, {"train": TRAIN}),
        ("HN014", {}, {"d4": "Apples  are RED"}, {"train": TRAIN}),
        ("HN015", {"q3": "Red  apple"}, {}, {"train": TRAIN}),
        ("HN016", {}, {}, {"train": TRAIN, "test": [("q2", "d0", 1)]}),
        ("HN017", {}, {"d4": "Apples  are RED"}, {"train": [*TRAIN, ("q0", "d4", 0)]}),
        ("HN018", {}, {}, {"train": [*TRAIN, ("q2", "d0", 0)]}),
        ("HN019", {}, {}, {"train": TRAIN}),
        ("HN020", {}, MANY, {"train": TRAIN}),
        ("HN021", {}, {"d4": "word " * 400}, {"train": TRAIN}),
        ("HN022", {}, {}, {"train": TRAIN, "test": [("q2", "d2", 0)]}),
        ("HN023", {}, {}, {"train": [("q0", "d0", 0)]}),
    ],
)
def test_data_check_reports(tmp_path, capsys, code, queries, corpus, qrels):
    folder = write(tmp_path / "data", QUERIES | queries, CORPUS | corpus, qrels)
    status = main(["data", "check", str(folder), "--json"])
    findings = {one["code"]: one for one in json.loads(capsys.readouterr().out)["findings"]}
    assert code in findings
    assert status == int(any(one["severity"] == "error" for one in findings.values()))


@pytest.mark.parametrize(
    ("code", "data", "options"),
    [
        ("HN001", {"labelled": 2, "n_noise": 0}, ["--depth", 8, "--per-query", 4, "--filter", "learned(budget=0.6)"]),
        ("HN002", {}, ["--depth", 12, "--per-query", 30, "--filter", "learned(budget=0.05, in_doubt='learned')"]),
        ("HN004", {"labelled": 2}, ["--depth", 6, "--per-query", 1, "--filter", "learned(budget=0.3)"]),
        ("HN007", {"labelled": 1}, ["--depth", 12, "--per-query", 2, "--filter", "learned(budget=0.05)"]),
    ],
)
def test_a_learned_filter_reports(tmp_path, hardneg, code, data, options):
    folder = answer_toy(n_queries=60, **data).write(tmp_path / "data")
    command = ["mine", folder, "-o", tmp_path / "run", "--source", "bm25(analyzer='plain')", *options]
    assert code in {one["code"] for one in hardneg(*command)["findings"]}
    found = hardneg("status", tmp_path / "run")["findings"]["findings"]
    assert code in {one["code"] for one in found}


# A model of random weights on texts of single words: what it learns, or cannot, depends on the settings alone.
SETTINGS = {"batch_size": 8, "precision": "fp32", "learning_rate": 1e-3, "max_steps": 60, "schedule": "constant"}
NAMES = [f"{a}{b}" for a in "bdgklmnp" for b in "aeiouy"]
SHARED, APART = "tell {} more", "tell {}z more"  # a document shares the query's word, or has one of its own


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """48 pairs of texts that share a word, and of texts that do not; copies of the answers as negatives; a model."""
    folder = tmp_path_factory.mktemp("words")
    queries, seen = {f"q{i}": f"ask {name}" for i, name in enumerate(NAMES)}, []
    pairs = [(f"q{i}", f"d{i}", 1) for i in range(len(NAMES))]
    for kind, text in (("shared", SHARED), ("apart", APART)):
        corpus = {f"d{i}": text.format(name) for i, name in enumerate(NAMES)}
        corpus |= {f"c{i}": text.format(name) + " again" for i, name in enumerate(NAMES)}
        write(folder / kind, queries, corpus, {"train": pairs[:24], "test": pairs[24:]})
        seen += corpus.values()
    copies = [(f"q{i}", f"c{i}") for i in range(len(NAMES))]
    pl.DataFrame(copies, schema=["query_id", "doc_id"], orient="row").write_parquet(folder / "copies.parquet")
    build_tiny_model(folder, [*queries.values(), *seen])
    return folder


@pytest.mark.parametrize(
    ("code", "kind", "settings"),
    [
        ("HN030", "apart", {"learning_rate": 1e-12}),
        ("HN031", "shared", {"learning_rate": 0.3, "warmup_share": 0.9, "max_steps": 90}),
        ("HN032", "apart", {"learning_rate": 1e-12}),
        ("HN033", "apart", {"loss": {"use": "triplet", "negatives": "hardest"}, "learning_rate": 0.03}),
        ("HN034", "apart", {"mask": {"use": "own_score", "margin": 0.0}, "learning_rate": 1e-5}),
        ("HN035", "shared", {"negatives_per_row": 1}),
        ("HN040", "apart", {"loss": {"use": "triplet", "margin": 1e-9}}),
    ],
)
def test_training_reports(words, tmp_path, hardneg, code, kind, settings):
    command = ["train", words / kind, "-o", tmp_path / "t", "--model", words / "tiny"]
    command += ["--negatives", words / "copies.parquet"] if code == "HN035" else []
    command += [word for key, value in (SETTINGS | settings).items() for word in ("--set", f"{key}={value}")]
    found = hardneg(*command)["findings"]
    assert code in {one["code"] for one in found}, found
    assert found == json.loads((tmp_path / "t" / "findings.json").read_text())


def recipe(words, file, *, source, train):
    file.write_text(f"""
dataset = "{words / "shared"}"
model = "{words / "tiny"}"
filters = []

[[sources]]
{source}

[[sources]]
use = "random"

[train]
batch_size = 8
precision = "fp32"
schedule = "constant"
{train}

[evaluate]
rows = ["zero_shot"]
""")
    return file


def test_a_run_whose_training_did_harm_reports_it(words, tmp_path, hardneg):
    source, train = 'use = "bm25"\nanalyzer = "plain"', "negatives_per_row = 4\nlearning_rate = 0.1\nmax_steps = 20"
    file = recipe(words, tmp_path / "r.toml", source=source, train=train)
    hardneg("run", file, "-o", tmp_path / "run")
    hardneg("report", tmp_path / "run")
    assert "HN006" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


class CrashTheMiner:
    """A display that has the second process crash at its first work, and training wait for that."""

    def __init__(self, miners, crash):
        self.miners, self.crash, self.steps = miners, crash, 0

    def task(self, description, *, total, unit):
        return nullcontext(self.advance if description == "training" else lambda _: None)

    def advance(self, pairs):
        self.steps += pairs > 0
        self.crash.touch()
        deadline = time.monotonic() + 120
        while self.steps == 4 and not self.miners[-1].ended:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_run_whose_second_process_dies_reports_it(words, miners, tmp_path, capsys):
    source, train = f'use = "crashing_source:Crashing"\nfile = "{tmp_path / "crash"}"', "max_steps = 8"
    train += '\nrefresh = { every = 3, mode = "async" }'
    source += f'\n\n[[sources]]\nuse = "dense"\nmodel = "{words / "tiny"}"\nprecision = "fp32"'
    file = recipe(words, tmp_path / "r.toml", source=source, train=train)
    with showing(CrashTheMiner(miners, tmp_path / "crash")):
        assert main(["run", str(file), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert "HN036: a refresh failed" in capsys.readouterr().err
