"""`hardneg verify`: what is wrong in a run folder is found from its files alone, and what is fine is called fine."""

import json
import shutil

import polars as pl
import pytest

from doctoring import change_json, change_weight, copy_of, wrong
from flipping import flip
from hardneg.cli import main
from hardneg.data.reading import read_dataset
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


@pytest.fixture
def doctored(whole, tmp_path):
    """A copy of the run without checksums."""
    return copy_of(whole, tmp_path / "run")


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


def test_a_labelled_answer_among_the_negatives_is_found_without_checksums(doctored):
    part = part_files(doctored / "negatives")[0]
    table = pl.read_parquet(part)
    answer = (
        pl.read_parquet(part_files(doctored / "candidates")[0])
        .filter(pl.col("dropped_by") == "known_positives")
        .row(0, named=True)
    )
    ids = {"query_id": answer["query_id"], "doc_id": answer["doc_id"]}
    table.with_row_index().with_columns(
        pl.when(pl.col("index") == 0).then(pl.lit(value)).otherwise(name).alias(name) for name, value in ids.items()
    ).drop("index").write_parquet(part)
    assert ("labels", ".") in wrong(doctored)


def test_a_negative_with_the_text_of_an_answer_is_found_by_the_text_alone(doctored, bench, tmp_path):
    part = part_files(doctored / "negatives")[0]
    negative = pl.read_parquet(part).row(0, named=True)
    data = shutil.copytree(bench / "data", tmp_path / "data")
    qrels, documents = pl.read_parquet(data / "qrels.parquet"), pl.read_parquet(data / "documents.parquet")
    answer = qrels.filter(query_id=negative["query_id"])["doc_id"][0]
    text = documents.filter(id=answer)["text"][0]
    same = pl.when(pl.col("id") == negative["doc_id"]).then(pl.lit(text)).otherwise("text")
    documents.with_columns(text=same).write_parquet(data / "documents.parquet")
    changed = read_dataset(data)
    for name in ("mining.json", "manifest.json"):
        change_json(doctored / name, lambda state: _of_data(state, changed))
    assert ("labels", ".") in wrong(doctored, dataset=changed)
    assert ("files", ".") in wrong(doctored, dataset=bench / "data")  # the run itself was made from other texts


def _of_data(state, dataset):
    """Have a state say that it is of a dataset."""
    where = state.get("fingerprints", state)
    where |= {"dataset": dataset.fingerprint, "texts": dataset.texts_fingerprint, "labels": dataset.labels_fingerprint}


def test_verdicts_and_counts_that_do_not_follow_are_found(doctored):
    part = part_files(doctored / "candidates")[0]
    table = pl.read_parquet(part)
    named = pl.col("dropped_by").fill_null("near_duplicate")
    table.with_columns(dropped_by=named).write_parquet(part)
    assert wrong(doctored)[:3] == [("funnel", "."), ("labels", "."), ("filters", ".")]


def test_one_count_that_was_changed_is_found_wherever_it_stands(doctored):
    def one_more(state):
        state["funnel" if "funnel" in state else "dropped"] |= {"selected": 1} if "funnel" in state else {"x": 1}

    change_json(doctored / "manifest.json", one_more)
    assert wrong(doctored) == [("funnel", ".")]
    change_json(doctored / "funnel.json", one_more)
    assert wrong(doctored) == [("funnel", ".")]


@pytest.mark.parametrize("value", [-5, 2**70, 0.5, "3", None, [1]])
def test_a_count_that_is_none_is_wrong_and_no_traceback(doctored, value):
    change_json(doctored / "mining.json", lambda state: state.update(per_query=value))
    assert "." in [each.where for each in verify(doctored).wrong]


def test_one_weight_that_no_text_touches_is_found(doctored):
    change_weight(doctored / "training" / "mined-seed0" / "model")
    change_weight(doctored / "model", by=0.25)
    assert wrong(doctored) == [("model", "model"), ("model", "training/mined-seed0")]


def test_figures_that_are_no_means_and_a_model_that_is_another_are_found(doctored):
    run = doctored
    metrics = run / "evaluation" / "mined-seed0" / "metrics.json"
    state = json.loads(metrics.read_text())
    state["metrics"]["nDCG@10"]["value"] += 0.001
    metrics.write_text(json.dumps(state))
    other = run / "training" / "in_batch-seed0" / "model" / "model.safetensors"
    shutil.copy(other, run / "training" / "mined-seed0" / "model" / "model.safetensors")
    lines = (run / "training" / "in_batch-seed0" / "loss.jsonl").read_text().splitlines()
    (run / "training" / "in_batch-seed0" / "loss.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert wrong(run) == [
        ("model", "model"),
        ("training", "training/in_batch-seed0"),
        ("model", "training/mined-seed0"),
        ("metrics", "evaluation/mined-seed0"),
    ]


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds nothing that was mined, trained, measured, scored or encoded" in capsys.readouterr().err


def test_a_run_that_was_moved_is_fine_and_goes_on(whole, bench, tmp_path, capsys):
    moved = shutil.copytree(whole, tmp_path / "elsewhere" / "run")
    before = {path: path.read_bytes() for path in moved.rglob("*.parquet")}
    assert not verify(moved, full=True).wrong
    (moved / "evaluation" / "mined-seed0" / "metrics.json").unlink()
    capsys.readouterr()
    assert main(["run", str(bench / "small.toml"), "-o", str(moved), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert {path: path.read_bytes() for path in moved.rglob("*.parquet")} == before
    assert not verify(moved).wrong
