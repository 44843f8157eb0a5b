"""Evaluation while training, as commands do it and say it."""

import json

import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

from hardneg import Recipe
from hardneg.cli import main
from tiny_model import build_tiny_model

NAMES = [f"{a}{b}" for a in "bdgklmnp" for b in "aeiouy"]
SETTINGS = {"batch_size": 8, "precision": "fp32", "learning_rate": 1e-2, "epochs": 4}


def write(folder, queries, corpus, splits):
    """A BEIR folder."""
    (folder / "qrels").mkdir(parents=True)
    for name, texts in (("queries", queries), ("corpus", corpus)):
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    for split, rows in splits.items():
        lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """48 pairs of texts that share a word: half to train on, a quarter each to develop and to test on; and a model."""
    folder = tmp_path_factory.mktemp("words")
    queries = {f"q{i}": f"ask {name}" for i, name in enumerate(NAMES)}
    corpus = {f"d{i}": f"tell {name} more" for i, name in enumerate(NAMES)}
    pairs = [(f"q{i}", f"d{i}", 1) for i in range(len(NAMES))]
    splits = {"train": pairs[:24], "dev": pairs[24:36], "test": pairs[36:]}
    write(folder / "data", queries, corpus, splits)
    write(folder / "undeveloped", queries, corpus, {"train": pairs[:24], "test": pairs[24:]})
    write(folder / "shared", queries, corpus, {"train": pairs[:24], "dev": pairs[20:30], "test": pairs[36:]})
    write(folder / "unlabelled", queries, corpus, {"train": pairs[:24], "dev": [("q30", "d30", 0)], "test": pairs[36:]})
    build_tiny_model(folder, [*queries.values(), *corpus.values()])
    return folder


def train(words, *options, data="data", **settings):
    command = ["train", words / data, "--model", words / "tiny", *options]
    return command + [word for key, value in (SETTINGS | settings).items() for word in ("--set", f"{key}={value}")]


def test_train_tells_the_curve_and_the_report_and_status_show_it(words, tmp_path, hardneg, capsys):
    out = tmp_path / "t"
    watch = "dev(every=2, queries=8, hard=2, beside=5, patience=50)"
    found = hardneg(*train(words, "-o", out, "--watch", watch))["watched"]
    assert found["about"]["queries"] == 8
    assert found["about"]["all_queries"] == 12
    assert found["measure"] == "nDCG@10"
    assert [look["step"] for look in found["looks"]][:3] == [0, 2, 4]
    assert found["looks"] == [json.loads(line) for line in (out / "watch.jsonl").read_text().splitlines()]
    metrics = json.loads((out / "watch" / "metrics.json").read_text())
    assert (metrics["split"], metrics["metrics"]["nDCG@10"]["n"]) == ("dev", 12)
    assert found["whole"] == metrics["metrics"]["nDCG@10"]["value"]
    assert pl.read_parquet(out / "watch.parquet").height == 8 * len(found["looks"])
    shown = hardneg("status", out)["findings"]["watched"]
    assert shown["nDCG@10"] == found["looks"][-1]["value"]
    hardneg("report", out)
    page = (out / "report.html").read_text()
    assert "Looks at t while it was trained" in page
    assert "8 of 12 queries of dev against" in page
    assert main([str(word) for word in train(words, "-o", out, "--watch", watch)]) == 0
    said = capsys.readouterr().err
    assert "hardneg: nDCG@10 on 8 of 12 queries of dev against" in said
    assert "on all queries against all documents" in said


def test_a_model_that_was_better_earlier_is_a_finding(words, tmp_path, hardneg):
    """A learning rate that destroys what it learned at first."""
    spoilt = {"learning_rate": 0.3, "schedule": "constant", "epochs": 6}
    everything = "every=1, queries='all', beside='all'"
    found = hardneg(*train(words, "-o", tmp_path / "t", "--watch", f"dev({everything})", **spoilt))
    codes = {one["code"]: one for one in found["findings"]}
    assert "HN045" in codes, found["watched"]["looks"]
    assert 'watch.keep = "best"' in codes["HN045"]["remedy"]
    kept = f"dev({everything}, keep='best', patience=3)"
    best = hardneg(*train(words, "-o", tmp_path / "best", "--watch", kept, **spoilt))
    assert "HN045" not in {one["code"] for one in best["findings"]}
    assert best["watched"]["whole"] == pytest.approx(max(look["value"] for look in best["watched"]["looks"]), abs=1e-6)


@pytest.mark.parametrize(
    ("data", "watch", "message"),
    [
        ("undeveloped", None, "has no split to look at"),
        ("data", "later", "no split 'later'"),
        ("data", "train", "split 'train' is trained on"),
        ("shared", "dev", "4 of 10 queries of 'dev' are in 'train' too"),
        ("unlabelled", "dev", "has no positive"),
        ("data", "dev(besides=2)", "did you mean 'beside'?"),
        ("data", "dev(every=0)", "every is 0"),
    ],
)
def test_what_cannot_be_watched_is_refused_before_any_work(words, tmp_path, capsys, data, watch, message):
    options = ["--watch", watch] if watch else ["--set", "watch={'every': 2}"]
    assert main([str(word) for word in train(words, "-o", tmp_path / "t", *options, data=data)]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "t" / "training.json").exists()


def recipe(words, file, *, watch="", data="data"):
    file.write_text(f"""
dataset = "{words / data}"
model = "{words / "tiny"}"
filters = []

[[sources]]
use = "bm25"
analyzer = "plain"

[select]
per_query = 1

[train]
batch_size = 8
precision = "fp32"
learning_rate = 1e-2
epochs = 2
{watch}

[evaluate]
rows = ["zero_shot"]
primary = "RR@10"
""")
    return file


def test_a_run_looks_by_its_primary_measure_and_is_watched_or_not_by_the_recipe(words, tmp_path, hardneg, capsys):
    file = recipe(words, tmp_path / "r.toml", watch='watch = { every = 2, keep = "best" }')
    assert main(["run", str(file), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    place = tmp_path / "run" / "training" / "mined-seed0"
    about = json.loads((place / "watch.json").read_text())
    assert (about["split"], about["measure"], about["keep"]) == ("dev", "MRR@10", "best")
    assert json.loads((place / "watch" / "metrics.json").read_text())["primary"] == "MRR@10"
    assert "Looks at mined-seed0" in (tmp_path / "run" / "report.html").read_text()
    capsys.readouterr()
    assert "watched mined-seed0" in hardneg("status", tmp_path / "run")["findings"]
    plain = recipe(words, tmp_path / "plain.toml")
    assert main(["run", str(plain), "-o", str(tmp_path / "plain"), "--quiet"]) == 0
    assert not (tmp_path / "plain" / "training" / "mined-seed0" / "watch.json").exists()
    assert main(["run", str(plain), "-o", str(tmp_path / "asked"), "--quiet", "--watch", "dev(every=1.0)"]) == 0
    assert (tmp_path / "asked" / "training" / "mined-seed0" / "watch.json").exists()


def test_a_run_does_not_look_at_what_it_is_tested_on(words, tmp_path, capsys):
    file = recipe(words, tmp_path / "r.toml", watch='watch = { split = "test" }')
    assert main(["run", str(file), "-o", str(tmp_path / "run")]) == 2
    assert "split 'test' is what the model is tested on" in capsys.readouterr().err


def test_looks_are_in_the_estimate(words, tmp_path, hardneg):
    file = recipe(words, tmp_path / "r.toml", watch="watch = { every = 2 }")
    stages = {one["name"]: one for one in hardneg("estimate", file)["stages"]}
    assert stages["look while training"]["seconds"] > 0
    assert stages["look while training"]["work"] == "5 times"


def test_a_ladder_looks_at_its_development_split_by_the_measure_that_decides(words, tmp_path, hardneg, tasks_here):
    out = tmp_path / "ladder"
    command = ["ladder", words / "data", "-o", out, "--model", words / "tiny"]
    command += ["--rung", "in_batch", "--seeds", 1, "--budget-steps", 4, "--yes", "--primary", "RR@10"]
    command += ["--watch", "dev(every=2, keep='best', queries='all', beside='all')"]
    command += [word for key in ("batch_size", "precision") for word in ("--set", f"{key}={SETTINGS[key]}")]
    hardneg(*command)
    place = out / "rungs" / "in_batch" / "training" / "in_batch-seed0"
    about = json.loads((place / "watch.json").read_text())
    assert (about["split"], about["measure"]) == ("dev", "MRR@10")
    assert not (place / "watch").exists()  # the rung is measured on all of dev anyway
    measured = json.loads((out / "rungs" / "in_batch" / "evaluation" / "dev-seed0" / "metrics.json").read_text())
    best = max(json.loads(line)["value"] for line in (place / "watch.jsonl").read_text().splitlines())
    assert measured["metrics"]["MRR@10"]["value"] == pytest.approx(best, abs=1e-6)
    assert SentenceTransformer(str(out / "best" / "model"), device="cpu").encode(["ask"]).shape[0] == 1
    assert Recipe.load(out / "best" / "recipe.toml").train.watch.keep == "best"
