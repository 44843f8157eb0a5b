"""Finished runs, read from what they left."""

import json

import numpy as np
import polars as pl
import pytest

from hardneg.errors import RunError
from hardneg.ladders.runs import compare_runs, read_run
from hardneg.progress import showing
from watching import Watching


def evaluation(folder, values, *, split="test", depth=100):
    folder.mkdir(parents=True)
    queries = [f"q{number}" for number in range(len(values))]
    pl.DataFrame({"query_id": queries, "nDCG@10": values}).write_parquet(folder / "per_query.parquet")
    (folder / "metrics.json").write_text(json.dumps({"split": split, "depth": depth}))
    return folder


def run(folder, *seeds, fingerprint="f"):
    """A run folder with a mined row of several seeds, and an in-batch row beside it."""
    for number, values in enumerate(seeds, start=1):
        evaluation(folder / "evaluation" / f"mined-seed{number}", values)
        evaluation(folder / "evaluation" / f"in_batch-seed{number}", [0.0] * len(values))
    seconds = {"dataset": 5, "mine": 10, "train in_batch-seed1": 100, "evaluate mined-seed1": 50}
    seconds |= {f"train mined-seed{number}": 2.0 + 2 * number for number in range(1, len(seeds) + 1)}
    stages = {name: {"wall_s": wall_s, "peak_gb": wall_s / 100} for name, wall_s in seconds.items()}
    manifest = {"stages": stages, "chain": ["mined"], "fingerprints": {"dataset": fingerprint}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_run_is_its_last_model_with_all_seeds_and_what_that_took(tmp_path):
    found = read_run(run(tmp_path / "run", [0.0, 1.0], [0.5, 1.0]), name="run")
    assert found.row.per_query["nDCG@10"].to_list() == [0.25, 1.0]
    assert (found.cost.seconds, found.cost.shared_s, found.cost.train_s) == (15, 10, 5)
    assert found.cost.peak_gb == 0.1


def test_runs_are_compared_with_the_one_before_and_with_the_first(tmp_path):
    values = {"a": [0.0, 0.2, 0.4], "b": [0.1, 0.2, 0.3], "c": [0.5, 0.5, 0.5]}
    found = compare_runs([evaluation(tmp_path / name, of) for name, of in values.items()])
    pairs = [(one["before"], one["after"], one["against"]) for one in found["comparisons"]]
    assert pairs == [("a", "b", ["below", "base"]), ("b", "c", ["below"]), ("a", "c", ["base"])]
    first = found["comparisons"][0]
    assert (first["wins"], first["ties"], first["losses"]) == (1, 1, 1)
    assert [rung["gain"] for rung in found["rungs"]] == [None, pytest.approx(0.0), pytest.approx(0.3)]
    assert [rung["gain_per_minute"] for rung in found["rungs"]] == [None, None, None]


def test_the_seed_draws_intervals_and_tests_and_changes_nothing_else(tmp_path):
    values = np.random.default_rng(0).random((2, 40)).tolist()
    paths = [evaluation(tmp_path / name, of) for name, of in zip("ab", values, strict=True)]
    found = [compare_runs(paths, seed=seed) for seed in (0, 0, 7)]
    assert found[0] == found[1]
    assert [each["seed"] for each in found] == [0, 0, 7]
    one, other = (each["comparisons"][0] for each in found[1:])
    assert one["difference"] == other["difference"]
    for key in ("low", "high", "p_value"):
        assert one[key] != other[key]
    assert found[0]["rungs"][1]["test"]["nDCG@10"]["low"] != found[2]["rungs"][1]["test"]["nDCG@10"]["low"]


@pytest.mark.parametrize(
    ("column", "values"), [("qugry_id", ["q0", "q1"]), ("query_id", [0, 1]), ("nDCG@10", ["a", "b"])]
)
def test_a_table_of_measures_that_is_none_is_named(tmp_path, column, values):
    paths = [evaluation(tmp_path / name, [0.0, 0.5]) for name in "ab"]
    table = pl.read_parquet(paths[1] / "per_query.parquet")
    odd = table.with_columns(pl.Series(column, values))
    odd.drop("query_id" if column == "qugry_id" else []).write_parquet(paths[1] / "per_query.parquet")
    with pytest.raises(RunError, match=r"b/per_query\.parquet does not hold query_id and nDCG@10"):
        compare_runs(paths)


@pytest.mark.parametrize("metrics", [7, 0.5, ["a"], {}])
def test_figures_of_another_kind_are_named(tmp_path, metrics):
    paths = [evaluation(tmp_path / name, [0.0, 0.5]) for name in "ab"]
    (paths[0] / "metrics.json").write_text(json.dumps({"split": "test", "depth": 9, "metrics": metrics, "primary": 0}))
    with pytest.raises(RunError, match="a"):
        compare_runs(paths)


def test_comparisons_are_shown_one_by_one(tmp_path):
    paths = [evaluation(tmp_path / name, [0.0, 0.5]) for name in "abc"]
    with showing(display := Watching()):
        compare_runs(paths)
    assert display.tasks == [("comparing query by query", 3, "comparisons")]
    assert display.finished() == {"comparing query by query"}


def test_gain_is_given_for_each_minute_of_cost(tmp_path):
    found = compare_runs([evaluation(tmp_path / "a", [0.0, 0.2]), run(tmp_path / "b", [0.1, 0.2])])
    assert found["rungs"][1]["gain_per_minute"] == pytest.approx(0.05 / (14 / 60))


def test_runs_of_one_name_are_told_apart(tmp_path):
    paths = [evaluation(tmp_path / place / "run", [0.0, 0.1]) for place in "ab"]
    assert [rung["name"] for rung in compare_runs(paths)["rungs"]] == [str(path) for path in paths]


def test_a_folder_without_a_finished_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="holds no finished run"):
        compare_runs([evaluation(tmp_path / "a", [0.0, 0.1]), tmp_path])


def test_one_run_alone_is_refused(tmp_path):
    path = evaluation(tmp_path / "a", [0.0, 0.1])
    for paths in ([path], [path, path]):
        with pytest.raises(RunError, match="name two runs or more"):
            compare_runs(paths)


def test_runs_that_were_not_measured_alike_are_refused(tmp_path):
    first = evaluation(tmp_path / "a", [0.0, 0.1])
    with pytest.raises(RunError, match="measure both alike"):
        compare_runs([first, evaluation(tmp_path / "b", [0.0, 0.1], split="dev")])
    with pytest.raises(RunError, match="do not have the same queries"):
        compare_runs([first, evaluation(tmp_path / "c", [0.0])])
    with pytest.raises(RunError, match="different datasets"):
        compare_runs([run(tmp_path / "d", [0.0, 0.1]), run(tmp_path / "e", [0.0, 0.1], fingerprint="g")])
