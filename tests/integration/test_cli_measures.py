"""Measures by the names of ir-measures: in `evaluate`, recipes, ladders and comparisons, and which of them decides."""

import json

import ir_measures
import polars as pl
import pytest
from ir_measures import RR, nDCG

import hardneg as hn
from hardneg.cli import main
from hardneg.errors import RecipeError
from hardneg.sources import BM25


@pytest.fixture
def measured(bench, tmp_path, hardneg):
    def call(*options, folder="e"):
        out = tmp_path / folder
        hardneg("evaluate", bench / "data", "--bm25", "plain", *options, "-o", out)
        return json.loads((out / "metrics.json").read_text()), out

    return call


def test_chosen_measures_are_those_of_ir_measures_on_the_written_files(measured):
    names = ["RR@3", "R@7", "P@5", "Success@1", "AP(rel=2)"]
    summary, out = measured(*(part for name in names for part in ("--measure", name)))
    run, qrels = (list(read(str(out / file))) for read, file in (
        (ir_measures.read_trec_run, "run.trec"), (ir_measures.read_trec_qrels, "qrels.trec"),
    ))  # fmt: skip
    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in names], qrels, run)
    assert list(summary["metrics"]) == names
    assert summary.get("primary", "RR@3") == "RR@3"
    for name in names:
        assert summary["metrics"][name]["value"] == pytest.approx(theirs[ir_measures.parse_measure(name)])


def test_a_cut_off_above_or_below_the_usual_ones_is_measured_when_the_search_is_so_deep(measured):
    assert set(measured("--measure", "R@3", "--depth", 3)[0]["metrics"]) == {"R@3"}
    assert set(measured("--measure", "R@150", "--depth", 150, folder="f")[0]["metrics"]) == {"R@150"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--measure", "MRR@X"], "no measure 'MRR@X' that ir-measures can compute here"),
        (["--measure", "RR@10", "--measure", "MRR@10"], "names one measure twice: RR@10, MRR@10"),
        (["--measure", "R@200"], "R@200 looks at 200 documents, but only 100 are retrieved; raise depth"),
        (["--depth", 9], "depth must be at least 10 for nDCG@10, not 9"),
        (["--primary", "alpha_nDCG@10"], "no measure 'alpha_nDCG@10'"),
        (["--measure", "nDCG(dcg='exp-log2')@10"], "that ir-measures can compute here"),  # by a script in Perl
    ],
)
def test_a_measure_that_cannot_be_is_refused_before_anything_is_read(options, said, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "no-data"), "--bm25", "plain", *map(str, options)]) == 2
    assert said in capsys.readouterr().err


def test_python_takes_names_and_objects(bench):
    dataset = hn.read_dataset(bench / "data")
    by_name = hn.evaluate(dataset, BM25(), measures=["nDCG@10", "MRR@10"], primary="RR@10")
    by_object = hn.evaluate(dataset, BM25(), measures=[nDCG @ 10, RR @ 10])
    assert (by_name.primary, by_object.primary) == ("MRR@10", "nDCG@10")
    assert by_name.metrics["MRR@10"] == by_object.metrics["RR@10"]
    assert hn.compare(by_name, by_name).metric == "MRR@10"
    with pytest.raises(RecipeError, match="must be a list"):
        hn.evaluate(dataset, BM25(), measures="nDCG@10")


def test_a_run_compares_and_reports_by_the_primary_measure_of_its_recipe(bench, tmp_path, hardneg, capsys):
    recipe = (bench / "small.toml").read_text().replace('dataset = "data"', f'dataset = "{bench / "data"}"')
    recipe = recipe.replace('model = "tiny"', f'model = "{bench / "tiny"}"')
    (tmp_path / "by_rr.toml").write_text(recipe + 'measures = ["nDCG@10", "RR@10"]\nprimary = "RR@10"\n')
    capsys.readouterr()
    found = hardneg("run", tmp_path / "by_rr.toml", "-o", tmp_path / "run", "--json")
    assert {one["metric"] for one in found["comparisons"].values()} == {"RR@10"}
    assert all(list(row) == ["nDCG@10", "RR@10"] for row in found["rows"].values())
    page = (tmp_path / "run" / "report.html").read_text()
    assert "difference in RR@10" in page
    hardneg("compare", tmp_path / "run", tmp_path / "run" / "evaluation" / "bm25", "-o", tmp_path / "c")
    assert json.loads((tmp_path / "c" / "comparison.json").read_text())["measure"] == "RR@10"
    hardneg(
        "compare", tmp_path / "run", tmp_path / "run" / "evaluation" / "bm25", "--measure", "nDCG@10", "-o",
        tmp_path / "d",
    )  # fmt: skip
    assert json.loads((tmp_path / "d" / "comparison.json").read_text())["measure"] == "nDCG@10"


def test_a_ladder_chooses_on_the_development_split_by_the_primary_measure(bench, tmp_path, tasks_here, hardneg):
    query = pl.col("query")
    split = pl.when(query < 14).then(pl.lit("train")).when(query < 18).then(pl.lit("dev")).otherwise(pl.lit("test"))
    dataset = hn.read_dataset(bench / "data")
    place = dataset.with_labels(dataset.qrels.with_columns(split.alias("split"))).write(tmp_path / "three")
    rungs = [part for rung in ("bm25", "zero_shot", "in_batch") for part in ("--rung", rung)]
    settings = [part for one in ("batch_size=4", "precision=fp32") for part in ("--set", one)]
    hardneg(
        "ladder", place, "--model", bench / "tiny", *rungs, *settings, "--seeds", 1, "--budget-steps", 2, "--yes",
        "--measure", "R@5", "--measure", "RR@10", "--primary", "RR@10", "-o", tmp_path / "ladder",
    )  # fmt: skip
    found = json.loads((tmp_path / "ladder" / "ladder.json").read_text())
    assert found["measure"] == "RR@10"
    dev = {rung["name"]: rung["dev"]["RR@10"]["value"] for rung in found["rungs"]}
    assert found["best_on_dev"] == max(dev, key=dev.get)
    assert all(list(rung["test"]) == ["R@5", "RR@10"] for rung in found["rungs"])
    assert {one["metric"] for one in found["comparisons"]} == {"RR@10"}


def test_fusing_one_system_alone_is_refused(bench, refusal):
    command = ["evaluate", bench / "data", "--bm25", "plain", "--fuse", "ranks"]
    assert "--fuse needs two systems" in refusal(*command)
