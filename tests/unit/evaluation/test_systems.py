import pytest

from hardneg.errors import InputError
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.systems import _folders, evaluate_systems
from hardneg.runs.record import read_record
from hardneg.sources import BM25, Random

TWO = (BM25(analyzer="plain"), Random())


def test_systems_are_measured_one_by_one_into_folders_of_their_own(tiny, tmp_path):
    options = {"split": "train", "depth": 5, "measures": ["RR@5"]}
    several = list(evaluate_systems(tiny, TWO, out=tmp_path, **options))
    assert [each.metrics for each in several] == [evaluate(tiny, system, **options).metrics for system in TWO]
    assert {file.parent.name for file in tmp_path.glob("*/metrics.json")} == {"bm25", "random"}
    assert read_record(tmp_path).state == "finished"


def test_a_dataset_may_be_named_and_one_system_has_the_whole_folder(tiny, tmp_path):
    tiny.write(tmp_path / "data")
    list(evaluate_systems(tmp_path / "data", TWO[:1], out=tmp_path / "out", split="train", depth=10))
    assert (tmp_path / "out" / "metrics.json").exists()


def test_nothing_and_the_same_twice_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="name what to evaluate"):
        next(evaluate_systems(tmp_path / "nowhere", ()))
    with pytest.raises(InputError, match="random is to be measured twice"):
        next(evaluate_systems(tmp_path / "nowhere", (Random(), Random(seed=1))))


def test_each_system_gets_a_folder_of_its_name_that_any_file_system_takes():
    names = ["bm25", "intfloat/e5-small-v2", "package:gt_all/model", "/models/[new] one", "../.."]
    assert _folders(names) == ["bm25", "intfloat_e5-small-v2", "package_gt_all_model", "models_new_one", "model"]


def test_names_that_become_equal_are_numbered_and_long_ones_cut():
    assert _folders(["a/b", "a:b", "A b"]) == ["a_b", "a_b-2", "A_b-3"]
    assert _folders(["x" * 300]) == ["x" * 100]
