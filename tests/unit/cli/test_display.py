import io
import re
import sys

import pytest
from rich.progress import Progress

from hardneg.cli.display import ProgressBars, progress
from hardneg.progress import task


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def work(monkeypatch):
    """Do a task within a task; returns what a terminal on stderr was sent."""

    def run(*, quiet=False, stderr=None):
        stderr = stderr or Terminal()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        with progress(quiet=quiet), task("mining", total=20_000, unit="queries") as outer:
            with task("encoding", total=None, unit="documents") as inner:
                inner(3)
            outer(20_000)
            sys.stdout.write("a result\n")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stderr.getvalue())

    return run


def test_a_terminal_is_shown_what_is_done_how_fast_and_the_time_left(work, capsys):
    shown = work()
    assert re.search(r"mining .*20000/20000 .*queries/s .*left", shown)
    assert re.search(r"encoding .*3/\?", shown)
    assert "a result" not in shown
    assert capsys.readouterr().out == "a result\n"


def test_the_bars_of_nested_tasks_stand_below_each_other(work):
    last = work().rstrip().splitlines()[-2:]
    assert last[0].lstrip("\r").startswith("mining")
    assert last[1].lstrip("\r").startswith("encoding")


def test_a_task_that_comes_again_with_each_block_takes_up_its_bar():
    bars = ProgressBars(Progress(disable=True))
    with bars.task("mining", total=9, unit="queries") as outer:
        for size in (6, 3):
            with bars.task("searching", total=size, unit="queries") as inner:
                inner(size)
            outer(size)
        with bars.task("searching", total=None, unit="queries"), bars.task("searching", total=4, unit="queries"):
            pass
    shown = [(each.description, each.completed, each.total) for each in bars.progress.tasks]
    assert shown == [("mining", 9, 9), ("searching", 0, 4), ("searching", 0, None)]


def test_nothing_is_shown_on_request_or_where_stderr_is_no_terminal(work):
    assert work(quiet=True) == ""
    assert work(stderr=io.StringIO()) == ""
