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
from hardneg.runs.lock import TOKENS, WRITER, Writer, lent, waiting, writer_of, writing, writing_file

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


def test_a_file_has_one_writer_and_others_in_its_folder_are_not_kept_out(tmp_path):
    left = tmp_path / ".scores.parquet.4711.hardneg.tmp"
    left.write_text("of a writer that was killed")
    beside = tmp_path / ".scores2.parquet.4711.hardneg.tmp"
    beside.write_text("of another file")
    with writing_file(tmp_path / "scores.parquet"), writing_file(tmp_path / "other.parquet"), writing(tmp_path):
        assert not left.exists()
        assert beside.exists()
        child = subprocess.run(
            [sys.executable, "-c", HOLD.replace("writing", "writing_file"), str(tmp_path / "scores.parquet"), "0"],
            env={name: value for name, value in os.environ.items() if name != TOKENS},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "scores.parquet is being written by" in child.stderr
    assert not list(tmp_path.glob(f"*{WRITER}"))
    with writing_file(None):
        pass


APART = ["unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
# Another name, another boot, and process numbers of its own: a container, or a machine whose file system shares locks.
AS_ANOTHER = "hostname elsewhere && {boot} exec {python} -c '{code}' {folder} 60"
ANOTHER_BOOT = "mount --bind {file} /proc/sys/kernel/random/boot_id && "


@pytest.fixture
def elsewhere(tmp_path):
    """Start a writer that believes to be on a machine, or in a container, of its own."""
    if subprocess.run([*APART, "hostname x"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make namespaces, so no second machine can be played")
    started = []

    def start(folder, *, boot=None):
        words = ""
        if boot is not None:
            (tmp_path / "boot").write_text(boot)
            words = ANOTHER_BOOT.format(file=tmp_path / "boot")
        script = AS_ANOTHER.format(boot=words, python=sys.executable, code=HOLD, folder=folder)
        process = subprocess.Popen([*APART, script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "in\n"
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_writer_in_another_container_of_this_machine_is_told_and_followed_when_it_is_dead(elsewhere, tmp_path):
    folder = tmp_path / "run"
    first = elsewhere(folder)
    began = time.monotonic()
    with pytest.raises(LockedError, match=r"process \d+ on elsewhere, since .*--wait"), writing(folder):
        pass
    assert time.monotonic() - began < 5  # its number means nothing here, and is not looked up
    first.kill()
    first.wait()
    with waiting(), writing(folder):
        assert writer_of(folder).host == os.uname().nodename


def test_a_dead_writer_on_another_machine_is_told_with_the_way_out(elsewhere, tmp_path):
    folder = tmp_path / "run"
    first = elsewhere(folder, boot="f00d")
    with pytest.raises(LockedError, match="is being written by") as living, writing(folder):
        pass
    assert "delete" not in str(living.value)  # its lock is seen from here, so it lives
    first.kill()
    first.wait()
    time.sleep(0.5)
    way_out = rf"cannot be seen from this machine.*delete {folder / WRITER}"
    with pytest.raises(LockedError, match=way_out), writing(folder):
        pass
    (folder / WRITER).unlink()
    with writing(folder):
        pass
