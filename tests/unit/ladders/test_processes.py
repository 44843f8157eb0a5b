"""Processes that end as they should not."""

import pytest

from hardneg.errors import Interrupted
from hardneg.ladders.plan import TaskRecord, read_record, write_record
from hardneg.ladders.processes import in_process


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            "its process was ended by SIGKILL; the system may have run out of memory",
        ),
        ("import sys; sys.exit('no room left')", "its process ended with status 1: no room left"),
    ],
)
def test_a_process_that_ends_without_a_word_has_failed(tmp_path, code, message, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    in_process(["-c", code])(tmp_path, "climb-x")
    assert read_record(tmp_path, "climb-x") == TaskRecord("failed", message=message)


def test_what_the_process_wrote_down_counts(tmp_path):
    write_record(tmp_path, "climb-x", TaskRecord("done", seconds=3.0))
    in_process(["-c", "pass"])(tmp_path, "climb-x")
    assert read_record(tmp_path, "climb-x") == TaskRecord("done", seconds=3.0)


def test_a_process_that_was_interrupted_interrupts_the_ladder(tmp_path):
    with pytest.raises(Interrupted, match="the same command goes on"):
        in_process(["-c", "import sys; sys.exit(3)"])(tmp_path, "climb-x")
    assert read_record(tmp_path, "climb-x").state == "begun"
