import json
import logging
from datetime import datetime

import pytest

from hardneg.errors import InputError, Interrupted, RecipeError
from hardneg.progress import task
from hardneg.runs.log import event, logging_to


def _lines(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(datetime.fromisoformat(line.pop("time")).tzinfo is not None for line in lines)
    return lines


def test_what_happens_is_one_object_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("hardneg.runs.log._EVERY_S", 0.0)
    path = tmp_path / "deep" / "log.jsonl"
    with logging_to(str(path)):
        with task("mining", total=4, unit="queries") as advance:
            advance(3)
        logging.getLogger("elsewhere").warning("odd %s", "thing\nof two lines")
        event("finding", code="HN001")
    lines = _lines(path)
    assert [line["event"] for line in lines] == [
        *("started", "task_started", "progress", "task_ended", "log", "finding", "ended")
    ]
    progress = lines[2]
    assert (progress["task"], progress["done"], progress["total"], progress["unit"]) == ("mining", 3, 4, "queries")
    assert lines[4]["message"] == "odd thing\nof two lines"
    assert lines[5]["code"] == "HN001"
    assert lines[-1]["state"] == "finished"
    with logging_to(str(path)):
        pass
    assert len(_lines(path)) == len(lines) + 2


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (KeyboardInterrupt(), {"state": "interrupted"}),
        (Interrupted("stopped"), {"state": "interrupted"}),
        (RecipeError("no"), {"state": "failed", "problem": "RecipeError: no"}),
        (SystemExit(0), {"state": "finished", "exit_code": 0}),
        (SystemExit(1), {"state": "failed", "exit_code": 1}),
    ],
)
def test_the_last_line_says_how_it_ended(tmp_path, error, ended):
    with pytest.raises(type(error)), logging_to(str(tmp_path / "log")):
        raise error
    assert _lines(tmp_path / "log")[-1] == {"event": "ended", **ended}


def test_without_a_log_an_event_is_nothing_and_a_minus_is_stderr(capsys):
    event("finding", code="HN001")
    with logging_to("-"):
        pass
    shown = capsys.readouterr()
    assert shown.out == ""
    assert [json.loads(line)["event"] for line in shown.err.splitlines()] == ["started", "ended"]


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be written: Is a directory"), logging_to(str(tmp_path)):
        pass
