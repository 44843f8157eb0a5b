"""`hardneg audit` through the command line, on data small enough to count."""

import csv
import json
from pathlib import Path

import polars as pl
import pytest

from hardneg.audits.planted import audit_planted
from hardneg.cli import main
from hardneg.data.dataset import Dataset
from hardneg.filters import NearDuplicate
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import mine
from hardneg.sources import BM25
from labelled_toy import labelled_toy

BM25_ONLY = ("--source", "bm25(analyzer='plain')", "--filter", "near_duplicate", "--per-query", 3, "--depth", 20)


@pytest.fixture(scope="session")
def toy() -> Dataset:
    """Queries share words with their answers, so that BM25 finds these."""
    toy = labelled_toy(subject=["a", "b"] * 10)
    texts = pl.Series([f"word d{i}" for i in range(50)])
    documents = toy.documents.with_columns(text=texts, topic=toy.documents["id"].str.head(2))
    words = [f"q{q} word " + " ".join(f"d{(q + j) % 50}" for j in range(6)) for q in range(20)]
    tags = {"tags": pl.lit(["x", "y"])}
    queries = toy.queries.with_columns(text=pl.Series(words), **tags)
    return Dataset(queries, documents.with_columns(**tags), toy.qrels, name="data")


@pytest.fixture(scope="session")
def folder(tmp_path_factory, toy):
    return toy.write(tmp_path_factory.mktemp("audit") / "data")


def test_the_planted_audit_is_that_of_the_library(hardneg, folder, toy):
    shown = hardneg("audit", "planted", folder, *BM25_ONLY, "--audit-seeds", 2, "--seed", 7, "--group", "subject")
    plan = Plan("train", (BM25(analyzer="plain"),), (NearDuplicate(),), Selection(per_query=3), depth=20, seed=7)
    expected = audit_planted(toy, plan, seeds=(7, 8), group="subject").as_dict()
    assert shown == expected
    assert shown["figures"]["leakage"]["value"] > 0.5
    assert [row["group"] for row in shown["groups"]] == ["a", "b"]


def test_unlabelled_answers_are_estimated_if_asked(hardneg, folder, capsys, monkeypatch):
    shown = hardneg("audit", "planted", folder, *BM25_ONLY, "--estimate")
    found = shown["unlabelled"]
    assert found["bound"]["value"] == shown["figures"]["contamination"]["value"]
    assert found["bound"]["value"] <= found["estimate"]["value"] <= 1
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["audit", "planted", str(folder), *map(str, BM25_ONLY), "--estimate"]) == 0
    assert "that nobody labelled" in capsys.readouterr().out


def test_tables_say_how_to_read_them(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["audit", "planted", str(folder), *map(str, BM25_ONLY), "--group", "subject"]) == 0
    shown = capsys.readouterr().out
    for words in ("contamination", "lower bound", "missing at random", "By group", "known_positives", "bm25"):
        assert words in shown


def test_of_many_groups_the_largest_are_shown(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("hardneg.cli.audit_display._GROUPS", 1)
    assert main(["audit", "planted", str(folder), *map(str, BM25_ONLY), "--group", "subject"]) == 0
    shown = capsys.readouterr().out
    assert "By group, the 1 largest; 1 more with --json" in " ".join(shown.split())
    assert len([line for line in shown.splitlines() if line.startswith(("│ a ", "│ b "))]) == 1


def test_fuller_labels_and_columns_judge_too(hardneg, folder, tmp_path):
    qrels = tmp_path / "full.tsv"
    qrels.write_text("".join(f"q{q}\td{(q + j) % 50}\t1\n" for q in range(20) for j in range(6)))
    judged = hardneg("audit", "judged", folder, *BM25_ONLY, "--judged", qrels)
    assert judged["kind"] == "judged"
    assert judged["queries"] == 20
    assert judged["hidden"] == 40
    assert judged["figures"]["leakage"]["value"] == 1
    truth = hardneg("audit", "judged", folder, *BM25_ONLY, "--truth-column", "topic")
    assert truth["kind"] == "truth"
    assert truth["queries"] == 20


def test_the_frontier_compares_settings_and_draws_them(hardneg, folder, tmp_path):
    plot = tmp_path / "frontier.svg"
    shown = hardneg("audit", "frontier", folder, *BM25_ONLY, "--audit-seeds", 1, "--floor", 0.2, "--plot", plot)
    assert shown["plot"] == str(plot)
    assert plot.read_text().startswith("<svg xmlns=")
    settings = {(row["filter"], row["setting"]) for row in shown["variants"]}
    assert {("none", ""), ("recipe", ""), ("positive_margin.ratio", "ratio=0.95")} <= settings


def test_the_frontier_as_a_table(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["audit", "frontier", str(folder), *map(str, BM25_ONLY), "--audit-seeds", "1"]) == 0
    shown = capsys.readouterr().out
    assert "positive_margin.ratio" in shown
    assert "Dim settings" in shown


def test_a_sample_is_drawn_filled_in_and_read(hardneg, folder, toy, tmp_path, capsys):
    path = tmp_path / "sample.csv"
    assert hardneg("audit", "sample", folder, *BM25_ONLY, "--sample", 10, "--write", path)["path"] == str(path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    mined = mine(
        toy, sources=[BM25(analyzer="plain")], filters=[NearDuplicate()], select=Selection(per_query=3), depth=20
    )
    pairs = {(f"q{q}", f"d{d}") for q, d in mined.negatives.select("query", "document").iter_rows()}
    assert {(row["query_id"], row["doc_id"]) for row in rows} <= pairs
    for row in rows:
        row["answer"] = "yes" if row is rows[0] else "no"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    assert hardneg("audit", "sample", folder, "--read", path)["figures"]["contamination"]["value"] == 0.1
    assert main(["audit", "sample", str(folder), "--read", str(path)]) == 0
    assert "10.00%" in capsys.readouterr().out


def test_results_lie_in_a_folder_where_report_and_status_find_them(hardneg, folder, tmp_path, capsys):
    out, sample, full = tmp_path / "run", tmp_path / "sample.jsonl", tmp_path / "full.tsv"
    full.write_text("".join(f"q{q}\td{(q + j) % 50}\t1\n" for q in range(20) for j in range(6)))
    ways = {
        "audit.json": ["planted", "--audit-seeds", 1],
        "audit_judged.json": ["judged", "--judged", full],
        "audit_truth.json": ["judged", "--truth-column", "topic"],
        "frontier.json": ["frontier", "--audit-seeds", 1, "--floor", 0.2],
    }
    for name, (way, *options) in ways.items():
        shown = hardneg("audit", way, folder, *BM25_ONLY, *options, "-o", out)
        assert json.loads((out / name).read_text()) == shown
    hardneg("audit", "sample", folder, *BM25_ONLY, "--sample", 4, "--write", sample)
    sample.write_text(sample.read_text().replace('"answer": ""', '"answer": "no"'))
    assert main(["audit", "sample", str(folder), "--read", str(sample), "-o", str(out)]) == 0
    assert f"`hardneg report {out}` shows it" in capsys.readouterr().out
    assert {path.name for path in out.glob("*.json") if path.name[0] != "."} == {*ways, "audit_sampled.json"}

    told = hardneg("status", out)
    assert (told["command"], told["state"]) == ("audit", "finished")
    assert told["findings"]["audit, judged"]["leakage"] == 1
    assert told["findings"]["audit, sampled"] == {"contamination": 0}
    assert told["findings"]["audit, frontier"]["settings"] > 3
    page = Path(hardneg("report", out)["path"]).read_text()
    assert page.count("How many answers came back as negatives") >= 4
    assert "positive_margin.ratio" in page


def test_an_audit_that_is_refused_leaves_no_folder(refusal, folder, tmp_path):
    assert "no split 'dev'" in refusal("audit", "planted", folder, *BM25_ONLY, "--split", "dev", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_sample_of_negatives_that_were_mined_before(hardneg, folder, toy, tmp_path):
    mine(toy, sources=[BM25(analyzer="plain")], filters=[], depth=20, out=tmp_path / "mined")
    path = tmp_path / "sample.jsonl"
    hardneg("audit", "sample", folder, "--sample", 5, "--negatives", tmp_path / "mined", "--write", path)
    assert len(path.read_text().splitlines()) == 5


OLD = [  # as typed before there were ways: refused before anything is said of the new ones
    (("--judged", "x.tsv", "--frontier"), "--judged and --frontier are different ways to audit"),
    (("--plot", "x.png"), "--plot needs --frontier"),
    (("--floor", "0.5"), "--floor needs --frontier"),
    (("--threshold", "0.5"), "--threshold needs --scorer"),
    (("--scorer", "cross_encoder(model='x')"), "--scorer needs --sample or --frontier"),
    (("--estimate", "--frontier"), "--estimate needs planting"),
]
NEW = [
    ("sample", ("--sample", "9", "--write", "x.csv", "-o", "x"), "--out needs --scorer, for a sample that nobody"),
    ("frontier", ("--plot", "x.txt"), "x.txt: a plot is one of"),
    ("frontier", ("--plot", "x.png"), "x.png: a plot is one of .svg, .html; give it such a name"),
    ("sample", (), "give --sample, to draw negatives, or --read"),
    ("sample", ("--sample", "5", "--read", "x.csv"), "--sample and --read are different ways to audit"),
    ("sample", ("--sample", "5"), "--sample needs --write or --scorer"),
    ("sample", ("--read", "x.csv", "--scorer", "cross_encoder(model='x')"), "--scorer needs --sample"),
    ("sample", ("--sample", "5", "--write", "x.txt"), "x.txt: a sample is a .csv or a .jsonl file"),
    ("sample", ("--sample", "5", "--scorer", "cross_encoder(model='x')"), "add --threshold"),
    ("frontier", ("--scorer", "cross"), "unknown scorer 'cross'"),
    ("planted", ("--share", "1.5"), "--share is 1.5"),
    ("frontier", ("--floor", "3"), "--floor is 3"),
    ("planted", ("--group", "tags"), "the column 'tags' holds lists or objects"),
    ("planted", ("--filter", "learned(group='tags')"), "the column 'tags' holds lists or objects"),
    ("judged", ("--truth-column", "tags"), "the column 'tags' holds lists or objects"),
    ("judged", (), "nothing says what an answer is; give --judged QRELS"),
    ("judged", ("--judged", "x.tsv", "--truth-column", "topic"), "--judged and --truth-column are different ways"),
    ("planted", ("--group", "chapter"), "have a column 'chapter'"),
    ("planted", ("--score", "dense"), "have no score of 'dense'"),
    ("planted", ("--split", "test"), "no split 'test'"),
    ("judged", ("--judged", "absent.tsv"), "absent.tsv"),
]


@pytest.mark.parametrize(("options", "problem"), OLD)
def test_what_did_not_fit_is_still_refused(refusal, folder, options, problem, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert problem in refusal("audit", folder, *BM25_ONLY, *options)


@pytest.mark.parametrize(("way", "options", "problem"), NEW)
def test_what_does_not_fit_is_refused(refusal, folder, way, options, problem, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert problem in refusal("audit", way, folder, *BM25_ONLY, *options)


@pytest.mark.parametrize(
    ("options", "way"),
    [
        ((), "planted"),
        (("--frontier",), "frontier"),
        (("--truth-column=topic",), "judged"),
        (("--sample", "4", "--write", "x.csv"), "sample"),
    ],
)
def test_an_audit_without_a_way_works_for_one_version(folder, capsys, options, way, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    seeds = () if way in ("sample", "judged") else ("--audit-seeds", "1")
    assert main(["audit", str(folder), *map(str, BM25_ONLY), *options, *seeds, "--json"]) == 0
    old = capsys.readouterr()
    assert old.err == f"hardneg: `hardneg audit DATASET` is `hardneg audit {way} DATASET` from the next version on\n"
    rest = [option for option in options if option != "--frontier"]
    assert main(["audit", way, str(folder), *map(str, BM25_ONLY), *rest, *seeds, "--json"]) == 0
    assert capsys.readouterr().out == old.out


def test_a_log_may_stand_before_it(folder, tmp_path, capsys):
    options = [*map(str, BM25_ONLY), "--audit-seeds", "1", "--json"]
    for log in (["--log", str(tmp_path / "log")], [f"--log={tmp_path / 'log'}"]):
        assert main([*log, "audit", str(folder), *options]) == 0
        assert "hardneg audit planted" in capsys.readouterr().err
