"""Processes of one's own: what they are asked, how they end, and that they end with the one that started them."""

import signal
import subprocess
import sys
import time

import pytest

from hardneg.processes import Worker

ECHO = "from hardneg.processes import requests\nfor each in requests(): print(each, flush=True)"


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_worker_gets_its_job_and_then_what_else_it_is_asked(tmp_path):
    log = tmp_path / "new" / "log"
    worker = Worker(["-c", ECHO], {"texts": "ä" * 200_000}, log=log)  # more than a pipe holds
    worker.send([1, None])
    until(lambda: log.read_text().endswith("[1, None]\n"))
    assert not worker.ended
    worker.stop()
    assert worker.ended
    assert len(log.read_text().splitlines()[0]) > 200_000


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            "was ended by SIGKILL; the system may have run out of memory",
        ),
        ("import sys; print('last'); sys.exit('no room left')", "ended with status 1: no room left"),
        ("pass", "ended with status 0"),
    ],
)
def test_an_ending_is_told_in_a_sentence(tmp_path, code, ending):
    worker = Worker(["-c", code], {}, log=tmp_path / "log")
    worker._process.wait()
    assert worker.ended
    worker.send("nobody hears it")
    assert worker.wait() == worker._process.returncode
    assert worker.ending() == ending


def test_a_process_whose_parent_is_gone_ends():
    code = (
        "import time; from hardneg.processes import requests\n"
        "print(next(requests())['job'], flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write('{"job": "ready"}\n')
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    process.communicate(timeout=30)  # it closes the input
    assert process.returncode == -signal.SIGTERM


def test_ctrl_c_is_handed_on_and_the_process_may_save_first(tmp_path, monkeypatch):
    code = (
        "import sys, time\nfrom hardneg.processes import requests\nnext(requests())\n"
        "try:\n    print('ready'); time.sleep(60)\nexcept KeyboardInterrupt:\n    print('saved'); sys.exit(3)"
    )
    worker = Worker(["-c", code], {}, log=tmp_path / "log")
    until(lambda: "ready" in (tmp_path / "log").read_text())
    waits = iter([KeyboardInterrupt])
    wait = worker._process.wait

    def interrupted():
        for error in waits:
            raise error
        return wait()

    monkeypatch.setattr(worker._process, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.wait()
    assert worker.ending() == "ended with status 3: saved"
