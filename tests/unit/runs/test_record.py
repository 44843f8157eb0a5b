import json
import os
import signal
import subprocess
import sys
import time

import pytest

from hardneg.errors import Interrupted, RecipeError
from hardneg.progress import showing, task
from hardneg.runs.record import read_record, recording

WORK = """
import sys, time
from pathlib import Path
from hardneg.runs.record import recording
from hardneg.progress import task
with recording(Path(sys.argv[1]), "mine"), task("mining", total=10, unit="queries") as advance:
    advance(4)
    print("begun", flush=True)
    time.sleep(600)
"""


class Counting:
    def __init__(self):
        self.done = {}

    def task(self, description, *, total, unit):
        from contextlib import nullcontext

        return nullcontext(lambda n: self.done.update({description: self.done.get(description, 0) + n}))


def until(holds, folder):
    """The record once it is as wanted: it is renewed by a thread, which a busy machine may keep waiting."""
    deadline = time.monotonic() + 60
    while not holds(record := read_record(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return record


def test_a_record_says_how_far_each_task_is_and_the_display_before_still_shows_it(tmp_path, monkeypatch):
    monkeypatch.setattr("hardneg.runs.record._EVERY_S", 0.02)
    shown = Counting()
    with (
        showing(shown),
        recording(tmp_path, "mine", dataset="data/x"),
        task("mining", total=8, unit="queries") as outer,
    ):
        outer(2)
        with task("encoding", total=None, unit="documents") as inner:
            inner(3)
        time.sleep(0.1)
        outer(4)
        record = until(lambda found: found.tasks[0].done == 6, tmp_path)
        mining, encoding = record.tasks
        assert (record.command, record.dataset, record.state, record.pid) == ("mine", "data/x", "running", os.getpid())
        assert (mining.name, mining.unit, mining.total, mining.done, mining.ended) == ("mining", "queries", 8, 6, None)
        # The first two came with the task, as what an earlier session did would: they are not in the rate.
        assert 0 < mining.rate < 4 / 0.1
        assert (encoding.done, encoding.total) == (3, None)
        assert encoding.ended is not None
    assert shown.done == {"mining": 6, "encoding": 3}
    assert read_record(tmp_path).state == "finished"


@pytest.mark.parametrize(
    ("error", "state"),
    [(KeyboardInterrupt(), "interrupted"), (Interrupted("stopped"), "interrupted"), (ValueError("odd"), "failed")],
)
def test_how_it_ended_is_written_down(tmp_path, error, state):
    with pytest.raises(type(error)), recording(tmp_path, "mine"), task("mining", total=8, unit="queries"):
        raise error
    record = read_record(tmp_path)
    assert record.state == state
    assert record.problem == ("ValueError: odd" if state == "failed" else None)
    assert record.tasks[0].ended is None


def test_a_killed_command_is_told_from_a_working_one(tmp_path):
    with subprocess.Popen([sys.executable, "-c", WORK, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "begun\n"
            assert read_record(tmp_path).state == "running"
        finally:
            os.kill(process.pid, signal.SIGKILL)
    killed = read_record(tmp_path)
    assert killed.state == "interrupted"
    assert killed.command == "mine"


def test_what_is_refused_at_once_leaves_no_folder_but_one_that_was_there_stays(tmp_path):
    for folder, stays in ((tmp_path / "new", False), (tmp_path, True)):
        with pytest.raises(RecipeError), recording(folder, "mine"):
            raise RecipeError("no")
        assert folder.exists() == stays


def test_a_second_command_in_a_folder_leaves_the_record_of_the_first(tmp_path):
    with recording(tmp_path, "mine"):
        with recording(tmp_path, "train"):
            pass
        assert read_record(tmp_path).command == "mine"
        assert read_record(tmp_path).state == "running"


def test_a_command_that_names_no_dataset_leaves_what_the_one_before_said(tmp_path):
    for command, dataset in (("mine", "data/x"), ("score", None), ("mine", "data/y"), ("score", None)):
        with recording(tmp_path, command, dataset=dataset):
            pass
    record = read_record(tmp_path)
    assert (record.command, record.dataset) == ("score", "data/y")


def test_without_a_folder_nothing_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with recording(None, "score"), task("scoring", total=1, unit="pairs") as advance:
        advance(1)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_the_work_goes_on(tmp_path):
    (tmp_path / "file").touch()
    with recording(tmp_path / "file", "mine"):
        done = True
    assert done


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"tasks": [{"name": 1}]})])
def test_a_damaged_record_is_none(tmp_path, text):
    assert read_record(tmp_path) is None
    (tmp_path / ".status.json").write_text(text)
    assert read_record(tmp_path) is None
