"""A run's small files of JSON: a damaged one is read from its copy, put right, or refused with a way out."""

import json

import pytest

from flipping import flip
from hardneg.errors import RunError
from hardneg.runs.folder import RunFolder
from hardneg.runs.state import mend_state, read_state, write_state

STATE = {"recipe": "r", "stages": {}}


@pytest.fixture
def path(tmp_path):
    write_state(tmp_path / "manifest.json", STATE)
    return tmp_path / "manifest.json"


def test_a_reader_takes_the_copy_and_changes_nothing(path, caplog):
    flip(path, 100)
    damaged = path.read_bytes()
    assert read_state(path, keys=("recipe",)) == STATE
    assert "manifest.json is damaged" in caplog.text
    assert path.read_bytes() == damaged


@pytest.mark.parametrize("name", ["manifest.json", ".manifest.json.copy"])
def test_a_writer_puts_right_whichever_of_the_two_is_damaged(path, name, caplog):
    flip(path.with_name(name), 100)
    mend_state(path)
    assert f"{name} is damaged" in caplog.text
    assert json.loads(path.with_name(name).read_bytes()) == STATE


def test_where_both_are_damaged_the_way_out_keeps_all_else(path):
    for each in (path, path.with_name(".manifest.json.copy")):
        flip(each, 100)
    mend_state(path)
    with pytest.raises(RunError, match=r"manifest.json is damaged.*delete it alone to go on.*all else is kept"):
        read_state(path, keys=())


def test_a_file_that_was_deleted_does_not_come_back(path):
    path.unlink()
    mend_state(path)
    assert read_state(path, keys=("recipe",)) == {}


def test_a_run_that_lost_its_manifest_goes_on_with_its_own_recipe_alone(tmp_path):
    RunFolder.open(tmp_path, recipe="one", resolved="model = 1", seed=0)
    (tmp_path / "training").mkdir()
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"lacks its manifest.json and holds results of another recipe"):
        RunFolder.open(tmp_path, recipe="two", resolved="model = 2", seed=0)
    again = RunFolder.open(tmp_path, recipe="one", resolved="model = 1", seed=0)
    assert again.manifest["recipe"] == "one"
