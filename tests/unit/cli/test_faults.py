"""What the system does to a command is said in one message, and the end of a terminal ends it as Ctrl-C does."""

import errno
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from hardneg.cli.faults import ending_on_signals, told_fault, was_interrupted
from hardneg.errors import DatasetError, RunError
from hardneg.files import naming, replacing


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), "runs/x: No space left on device; make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "within your quota"),
        (OSError(errno.EROFS, "Read-only file system", "x"), "name a place that can be written to"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (MemoryError(), "too little memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "more memory"),
        (RuntimeError("could not create a primitive"), "more memory"),
        (SystemError("<function load> returned NULL without setting an exception"), "more memory"),
        (OSError("what only a library knows"), "what only a library knows"),
    ],
)
def test_a_fault_is_one_line_with_the_way_out(error, words):
    told = told_fault(error)
    assert words in told
    assert "\n" not in told


def test_an_interruption_that_a_library_made_an_error_of_is_one_all_the_same():
    rust = RuntimeError("PyErr { type: <class 'KeyboardInterrupt'>, value: KeyboardInterrupt() }")
    damaged = RunError("part-0.parquet cannot be read; delete it")
    damaged.__cause__ = rust
    assert was_interrupted(damaged)
    assert was_interrupted(KeyboardInterrupt())
    assert not was_interrupted(RunError("part-0.parquet cannot be read; delete it"))
    assert not was_interrupted(DatasetError("row 3 asks 'how to catch a KeyboardInterrupt'"))


def test_an_object_that_was_interrupted_while_it_was_made_goes_without_a_word(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: seen.append(lost.exc_type))

    class Handle:
        def __init__(self, is_whole):
            if not is_whole:
                raise KeyboardInterrupt
            self.closed = 0

        def __del__(self):
            assert self.closed

    with ending_on_signals():
        with pytest.raises(KeyboardInterrupt):
            Handle(is_whole=False)
        assert not seen
        Handle(is_whole=True)
    assert seen == [AssertionError]


def test_what_is_no_fault_of_the_system_is_none():
    assert told_fault(ValueError("no such thing")) is None


def test_a_limit_of_memory_is_told_before_a_library_ends_without_a_word():
    command = [sys.executable, "-m", "hardneg", "--version"]
    roomy = subprocess.run(command, capture_output=True, text=True, check=True)
    assert roomy.stderr == ""
    limited = subprocess.run(
        ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", *command], capture_output=True, text=True, check=False
    )
    assert limited.returncode == 0
    assert limited.stderr.startswith("hardneg: this command may take 4.1 GB of address space (ulimit -v)")


SHORT = """
import resource, sys
from hardneg.cli import app as module
@module.app.command()
def short():
    taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    limit = taken + int(sys.argv[1]) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    raise ValueError("field 'target' is required for AnnAssign")
sys.exit(module.main(["short"]))
"""


@pytest.mark.parametrize(("room", "code"), [(64, 2), (2_000, 1)])
def test_what_fails_for_want_of_memory_is_one_message_and_a_fault_of_ours_is_none(room, code):
    ended = subprocess.run([sys.executable, "-c", SHORT, str(room)], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert ("Traceback" in ended.stderr) == (code == 1)
    assert ("is required for AnnAssign; the command had taken nearly all" in ended.stderr) == (code == 2)


def test_a_write_that_does_not_fit_says_which_file(tmp_path, monkeypatch):
    path = tmp_path / "table"
    with pytest.raises(OSError, match="table") as full, replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert full.value.filename == str(path)
    full = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
    with monkeypatch.context() as patch:
        patch.setattr("hardneg.files.os.fsync", lambda _: (_ for _ in ()).throw(full))
        with pytest.raises(OSError, match="quota exceeded"), naming(path):
            raise RuntimeError("basic_ios::clear: iostream error")
    with pytest.raises(RuntimeError, match="iostream"), naming(path):
        raise RuntimeError("basic_ios::clear: iostream error")
    assert list(tmp_path.iterdir()) == []


GROWS = """
import resource, sys, torch
from hardneg.files import replacing_folder
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with replacing_folder(Path(sys.argv[1])) as folder:
        torch.save(torch.zeros(100_000), folder / "weights")
except OSError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_says_so_where_a_library_does_not(tmp_path):
    command = [sys.executable, "-c", GROWS, str(tmp_path / "model")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"[Errno {errno.EFBIG}] File too large: '{tmp_path / 'model'}'\n"
    assert list(tmp_path.iterdir()) == []


WAITS = """
import sys, time
from hardneg.cli import app as module
import typer
@module.app.command()
def wait():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        open(sys.argv[1], "w").write("tidied up")
sys.exit(module.main(["wait"]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_a_command_as_ctrl_c_does(tmp_path, number):
    command = [sys.executable, "-c", WAITS, str(tmp_path / "file")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert errors.count("hardneg: interrupted; the same command goes on where it stopped") == 1
    assert (tmp_path / "file").read_text() == "tidied up"


def test_a_signal_in_a_call_from_c_is_not_lost(tmp_path):
    deaf = "class Deaf:\n    def __del__(self):\n        os.kill(os.getpid(), signal.SIGTERM)\n        time.sleep(0.1)"
    code = WAITS.replace("time.sleep(60)", "deaf = Deaf(); del deaf; time.sleep(60)")
    code = code.replace("import typer", f"import os, signal, typer\n{deaf}")
    command = [sys.executable, "-c", code, str(tmp_path / "file")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "Traceback" not in ended.stderr


def test_a_terminal_that_is_closed_ends_a_command_as_ctrl_c_does(tmp_path):
    process, terminal = pty.fork()
    if process == 0:
        os.execv(sys.executable, [sys.executable, "-c", WAITS, str(tmp_path / "file")])
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        assert b"begun" in screen.readline()
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert os.waitstatus_to_exitcode(ended[1]) == 3
    assert (tmp_path / "file").read_text() == "tidied up"
