import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hardneg.cli import main
from hardneg.progress import showing
from hardneg.runs.origin import dataset_of
from stopping import StopDuring

MINE = ["--filter", "near_duplicate", "--per-query", "2", "--depth", "9", "--block-size", "5"]
BM25 = ["--source", "bm25(analyzer='plain')"]
PAUSE = """
import sys
from pausing_source import Pausing
Pausing.patience = 2
from hardneg.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_finished_mining_says_what_it_found(bench, tmp_path, hardneg, capsys):
    hardneg("mine", bench / "data", "-o", tmp_path / "run", *BM25, *MINE)
    found = hardneg("status", tmp_path / "run")
    assert (found["command"], found["state"], found["tasks"]) == ("mine", "finished", [])
    assert found["findings"]["mined"]["queries"] == 18
    assert found["findings"]["mined"]["selected"] > 0
    assert main(["status", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert "hardneg mine, finished after" in shown
    assert "mined: queries 18" in shown


def test_a_mining_is_seen_at_work_and_after_it_was_killed(bench, tmp_path, hardneg, capsys):
    out = tmp_path / "run"
    arguments = ["mine", bench / "data", "-o", out, "--source", "pausing_source:Pausing", *MINE, "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", PAUSE, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout.readline() == "standing still\n"
            wait_until(lambda: [task["done"] for task in hardneg("status", out)["tasks"]] == [10])
            working = hardneg("status", out)
            assert main(["status", str(out)]) == 0
            shown = capsys.readouterr().out
        finally:
            os.kill(process.pid, signal.SIGKILL)
    (task,) = working["tasks"]
    assert working["state"] == "running"
    assert (task["name"], task["done"], task["total"], task["share"]) == ("mining", 10, 18, pytest.approx(10 / 18))
    assert working["findings"]["mined"]["selected"] > 0
    assert "hardneg mine, running for" in shown
    assert "mining: 10 of 18 queries, 56%" in shown
    killed = hardneg("status", out)
    assert killed["state"] == "interrupted"
    assert killed["tasks"][0]["done"] == 10
    assert main(["status", str(out)]) == 0
    assert "The same command goes on where it stopped." in capsys.readouterr().out


def test_scoring_leaves_a_record_in_the_run_and_the_run_still_knows_its_dataset(bench, tmp_path, hardneg, capsys):
    run = tmp_path / "run"
    hardneg("mine", bench / "data", "-o", run, *BM25, *MINE)
    scorer = f"bi_encoder(model='{bench / 'tiny'}', precision='fp32', name='two')"
    score = ["score", bench / "data", "--negatives", run, "--scorer", scorer]
    hardneg(*score, "-o", tmp_path / "t.parquet")
    assert hardneg("status", run)["command"] == "mine"  # a file of its own is no run folder
    hardneg(*score)
    found = hardneg("status", run)
    assert (found["command"], found["state"]) == ("score", "finished")
    assert found["findings"]["scored by two"]["pairs"] > 0
    assert dataset_of(run)["path"] == str(bench / "data")
    assert main(["status", str(run)]) == 0
    assert "scored by two: pairs" in capsys.readouterr().out


def test_an_evaluation_is_seen_when_it_is_done_and_when_it_was_stopped(bench, tmp_path, hardneg, capsys):
    evaluate = ["evaluate", bench / "data", "--bm25", "plain", "-o", tmp_path / "one"]
    with showing(StopDuring("searching with bm25", 6)):
        assert main([*map(str, evaluate)]) == 3
    assert "interrupted" in capsys.readouterr().err
    assert hardneg_state(hardneg, tmp_path / "one") == ("evaluate", "interrupted")
    assert main(["status", str(tmp_path / "one")]) == 0
    assert "The same command begins anew" in capsys.readouterr().out
    hardneg(*evaluate)
    hardneg("evaluate", bench / "data", "--bm25", "plain", "--model", bench / "tiny", "-o", tmp_path / "two")
    assert hardneg_state(hardneg, tmp_path / "one") == hardneg_state(hardneg, tmp_path / "two")
    assert 0 <= hardneg("status", tmp_path / "one")["findings"]["measured bm25"]["nDCG@10"] <= 1
    measured = hardneg("status", tmp_path / "two")["findings"]
    assert set(measured) == {"measured bm25", f"measured {bench / 'tiny'}"}
    (tmp_path / "one" / ".status.json").unlink()
    assert hardneg_state(hardneg, tmp_path / "one") == (None, "finished")


def hardneg_state(hardneg, folder):
    found = hardneg("status", folder)
    return found["command"], found["state"]


def test_a_run_that_python_made_has_a_status_too(bench, tmp_path, split_toy, hardneg):
    from hardneg import sources
    from hardneg.pipeline.mining import mine

    mine(split_toy, sources=[sources.BM25(analyzer="plain")], filters=[], depth=9, out=tmp_path / "run")
    assert hardneg("status", tmp_path / "run")["state"] == "finished"
    (tmp_path / "run" / "funnel.json").unlink()
    assert hardneg("status", tmp_path / "run")["state"] == "interrupted"


def test_a_folder_without_a_run_is_refused(tmp_path, refusal):
    assert "holds no run" in refusal("status", tmp_path)
    assert "is no folder" in refusal("status", tmp_path / "nowhere")


def test_the_log_of_a_command_is_json_lines_and_the_environment_can_ask_for_it(bench, tmp_path, hardneg, monkeypatch):
    monkeypatch.setenv("HARDNEG_LOG", str(tmp_path / "log.jsonl"))
    hardneg("mine", bench / "data", "-o", tmp_path / "run", *BM25, *MINE)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["event"] == "started"
    assert lines[-1] == {**lines[-1], "event": "ended", "state": "finished"}
    assert any(line.get("task") == "mining" and line["event"] == "task_ended" for line in lines)


def wait_until(is_so, seconds=60.0):
    import time

    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
