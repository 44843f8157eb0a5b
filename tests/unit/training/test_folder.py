import pytest

from hardneg.checksums import SUMS
from hardneg.files import replacing_folder, temporary_folder


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != SUMS)


def fill_the_disk(path):
    with replacing_folder(path) as temporary:
        (temporary / "new").touch()
        raise OSError("disk full")


def test_a_finished_folder_takes_the_place_of_the_old_one(tmp_path):
    for name in ("old", "new"):
        with replacing_folder(tmp_path / "model") as temporary:
            (temporary / name).touch()
    assert names(tmp_path) == ["model", "model/new"]


def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    with replacing_folder(tmp_path / "model") as temporary:
        (temporary / "old").touch()
    with pytest.raises(OSError, match="full"):
        fill_the_disk(tmp_path / "model")
    assert names(tmp_path) == ["model", "model/old"]


def test_what_a_killed_process_left_is_not_part_of_the_next_folder(tmp_path):
    left = temporary_folder(tmp_path / "model")
    left.mkdir()
    (left / "half").touch()
    with replacing_folder(tmp_path / "model") as temporary:
        (temporary / "whole").touch()
    assert names(tmp_path) == ["model", "model/whole"]
