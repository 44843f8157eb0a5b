"""One writer a folder: who it is is told, the dead are followed, and what a writer starts writes under its lock."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from hardneg.errors import LockedError
from hardneg.processes import Worker
from hardneg.runs.lock import TOKENS, WRITER, Writer, lent, waiting, writer_of, writing

HOLD = """
import sys, time
from pathlib import Path
from hardneg.runs.lock import writing
with writing(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(folder, seconds=60):
    """A process that is the writer of a folder."""
    return _started(HOLD, folder, seconds)


def _started(code, *arguments):
    """A process that has the lock when it is given back."""
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    with process.stdout as output:
        assert output.readline() == "in\n"
    return process


def test_the_second_is_told_who_the_first_is(tmp_path):
    first = holder(tmp_path)
    try:
        with pytest.raises(LockedError) as refused, writing(tmp_path):
            pass
        assert f"process {first.pid} on {os.uname().nodename}, since 20" in str(refused.value)
        assert "--wait" in str(refused.value)
    finally:
        first.kill()
        first.wait()


def test_who_waits_comes_after(tmp_path):
    first = holder(tmp_path, 1)
    with waiting(), writing(tmp_path):
        assert first.wait() == 0
        assert writer_of(tmp_path).pid == os.getpid()
    assert not (tmp_path / WRITER).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_dead_are_followed_at_once(tmp_path, number):
    first = holder(tmp_path)
    first.send_signal(number)
    first.wait()
    assert (tmp_path / WRITER).exists()
    with writing(tmp_path):
        assert writer_of(tmp_path).pid == os.getpid()


def test_another_process_with_the_number_of_a_dead_one_is_not_it(tmp_path):
    dead = replace(Writer.this(), born="1")
    (tmp_path / WRITER).write_text(json.dumps(asdict(dead)))
    assert not dead.lives
    assert Writer.this().lives
    with writing(tmp_path):
        pass


def test_one_on_another_machine_cannot_be_seen_and_how_to_remove_it_is_said(tmp_path):
    there = replace(Writer.this(), host="elsewhere", boot="another")
    (tmp_path / WRITER).write_text(json.dumps(asdict(there)))
    place = tmp_path / WRITER
    with pytest.raises(LockedError, match=rf"on elsewhere.*cannot be seen.*delete {place}"), writing(tmp_path):
        pass
    (tmp_path / WRITER).unlink()
    with writing(tmp_path):
        pass


def test_a_call_inside_another_writes_under_it_and_another_thread_does_not(tmp_path):
    refused = []

    def other():
        try:
            with writing(tmp_path):
                pass
        except LockedError as error:
            refused.append(error)

    with writing(tmp_path):
        with writing(tmp_path):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert writer_of(tmp_path) is not None
    assert len(refused) == 1


def test_a_process_of_the_writer_writes_under_its_lock(tmp_path):
    with writing(tmp_path):
        child = holder(tmp_path, 0)
        assert child.wait() == 0
        stranger = {name: value for name, value in os.environ.items() if name != TOKENS}
        command = [sys.executable, "-c", HOLD, str(tmp_path), "0"]
        assert subprocess.run(command, env=stranger, stderr=subprocess.DEVNULL, check=False).returncode != 0


def test_the_lock_is_held_until_the_last_process_of_a_dead_writer_ends(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from hardneg.processes import Worker
from hardneg.runs.lock import lent, writing
with writing(Path({str(tmp_path)!r})):
    Worker(["-c", "import time; time.sleep(3)"], {{}}, log=Path({str(tmp_path / "log")!r}), inherits=lent())
    print("in", flush=True)
    time.sleep(60)
"""
    first = _started(code)
    first.kill()
    first.wait()
    started = time.monotonic()
    with writing(tmp_path):  # its worker ends by itself, which is waited for
        assert time.monotonic() - started > 0.5


def test_a_folder_in_which_nothing_was_written_goes_again(tmp_path):
    with writing(tmp_path / "a" / "b"):
        pass
    assert not (tmp_path / "a").exists()
    assert lent() == ()


def test_a_worker_is_lent_what_it_must_hold(tmp_path):
    with writing(tmp_path):
        (descriptor,) = lent()
        worker = Worker(["-c", f"import os; os.fstat({descriptor})"], {}, log=tmp_path / "log", inherits=lent())
        assert worker.wait() == 0
