"""`hardneg verify`: what is wrong in a run folder is found from its files alone, and what is fine is called fine."""

import json
import shutil

import polars as pl
import pytest

from flipping import flip
from hardneg.checksums import SUMS
from hardneg.cli import main
from hardneg.runs.parts import part_files
from hardneg.verbs.verify import verify


@pytest.fixture(scope="module")
def whole(bench, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    assert main(["run", str(bench / "small.toml"), "-o", str(out), "--quiet"]) == 0
    return out


@pytest.fixture
def run(whole, tmp_path):
    """A copy of the run, which may be damaged."""
    return shutil.copytree(whole, tmp_path / "run")


def forget_sums(folder):
    """Take the checksums away, as if whoever changed a file had known of them."""
    for path in folder.rglob(SUMS):
        path.unlink()


def wrong(folder):
    return [(each.what, each.where) for each in verify(folder, full=True).wrong]


def test_a_whole_run_is_fine_in_every_respect(whole, capsys):
    assert main(["verify", str(whole), "--full", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("fine: ") for line in lines), lines
    kinds = {line.split(" ")[1] for line in lines}
    assert kinds == {"checksums", "funnel", "labels", "filters", "training", "model", "metrics", "rankings"}


def test_nothing_is_changed_and_a_table_says_what_was_checked(whole):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()}
    verified = verify(whole)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()} == before
    assert verified.frame().columns == ["what", "where", "state", "detail"]
    assert verified.frame().height == len(verified.checks)
    assert not verified.wrong


def test_a_damaged_file_is_named_and_the_command_says_so(run, capsys):
    part = part_files(run / "negatives")[0]
    flip(part, 99)
    assert main(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["wrong"] == 2
    assert f"negatives/{part.name}" in found["checks"][0]["detail"]


def test_a_labelled_answer_among_the_negatives_is_found_without_checksums(run):
    forget_sums(run)
    part = part_files(run / "negatives")[0]
    table = pl.read_parquet(part)
    answer = (
        pl.read_parquet(part_files(run / "candidates")[0])
        .filter(pl.col("dropped_by") == "known_positives")
        .row(0, named=True)
    )
    ids = {"query_id": answer["query_id"], "doc_id": answer["doc_id"]}
    table.with_row_index().with_columns(
        pl.when(pl.col("index") == 0).then(pl.lit(value)).otherwise(name).alias(name) for name, value in ids.items()
    ).drop("index").write_parquet(part)
    assert ("labels", ".") in wrong(run)


def test_verdicts_and_counts_that_do_not_follow_are_found(run):
    forget_sums(run)
    part = part_files(run / "candidates")[0]
    table = pl.read_parquet(part)
    named = pl.col("dropped_by").fill_null("near_duplicate")
    table.with_columns(dropped_by=named).write_parquet(part)
    assert wrong(run)[:3] == [("funnel", "."), ("labels", "."), ("filters", ".")]


def test_figures_that_are_no_means_and_a_model_that_is_another_are_found(run):
    forget_sums(run)
    metrics = run / "evaluation" / "mined-seed0" / "metrics.json"
    state = json.loads(metrics.read_text())
    state["metrics"]["nDCG@10"]["value"] += 0.001
    metrics.write_text(json.dumps(state))
    other = run / "training" / "in_batch-seed0" / "model" / "model.safetensors"
    shutil.copy(other, run / "training" / "mined-seed0" / "model" / "model.safetensors")
    lines = (run / "training" / "in_batch-seed0" / "loss.jsonl").read_text().splitlines()
    (run / "training" / "in_batch-seed0" / "loss.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert wrong(run) == [
        ("training", "training/in_batch-seed0"),
        ("model", "training/mined-seed0"),
        ("metrics", "evaluation/mined-seed0"),
    ]


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds nothing that was mined, trained or measured" in capsys.readouterr().err
