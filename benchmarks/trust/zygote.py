"""Python processes that commands start for themselves, forked from one that has imported everything.

A rung of a ladder, or the second process of a refresh, spends ten seconds of a core on imports before it does a tenth
of a second's work here. So `subprocess.Popen` is replaced in `hardneg.processes`: the same module runs in a process of
its own, with the same files and the same environment, and ends as its own process would.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_FILES = 64


def serve(place: Path) -> int:
    """Start the server; gives its process. It must have used no thread, and ends with the one that started it."""
    me, process = os.getpid(), os.fork()
    if process:
        while not place.exists():
            time.sleep(0.01)
        return process
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(64)
        listening.settimeout(0.5)
        while os.getppid() == me:
            with suppress(TimeoutError):
                connection, _ = listening.accept()
                if not os.fork():
                    listening.close()
                    try:
                        _keep(connection)
                    finally:
                        os._exit(1)  # whatever happened: nothing of who called is for this process to end
                connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    os._exit(0)


def _keep(connection: socket.socket) -> None:
    """Start one process, and tell its number and in the end its status."""
    message, files, _, _ = socket.recv_fds(connection, 1 << 20, _FILES)
    job = json.loads(message)
    process = os.fork()
    if not process:
        connection.close()
        _run(job, files)
    for file in files:
        os.close(file)
    with suppress(OSError):  # who asked may have been killed
        connection.sendall(f"{process}\n".encode())
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(OSError):
        connection.sendall(f"{status}\n".encode())
    os._exit(0)


def _run(job: dict[str, Any], files: list[int]) -> None:
    code = 1
    try:
        os.setsid()
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
        os.environ.clear()
        os.environ.update(job["env"])
        os.chdir(job["cwd"])
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
        sys.argv = [job["module"]]
        runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class ForkedPopen:
    """What `hardneg.processes` uses of `subprocess.Popen`."""

    place: Path

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: dict[str, str],
        stdin: int,  # noqa: ARG002 - always a pipe
        stdout: Any,
        stderr: Any,
        pass_fds: Sequence[int],
        start_new_session: bool,  # noqa: ARG002 - always
    ) -> None:
        reading, writing = os.pipe()
        errors = 2 if stderr is None else stderr.fileno()
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(str(self.place))
        job = {"module": arguments[-1], "env": dict(env), "cwd": os.getcwd()}
        files = [reading, stdout.fileno(), errors, *pass_fds]
        socket.send_fds(self._connection, [json.dumps(job).encode()], files)
        self._lines = self._connection.makefile("r")
        self.pid = int(self._lines.readline())
        os.close(reading)
        self.stdin = os.fdopen(writing, "wb")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Say how it ended; None while it works."""
        return self.wait() if _is_over(self.pid) else self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self.returncode is None:
            deadline = None if timeout is None else time.monotonic() + timeout
            while not _is_over(self.pid):
                if deadline is not None and time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired("", timeout or 0.0)
                time.sleep(0.005)
            self.returncode = int(self._lines.readline() or -signal.SIGKILL)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def use(place: Path) -> None:
    """Have processes be started by the server."""
    import hardneg.processes

    class Instead:
        PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired
        Popen = type("Popen", (ForkedPopen,), {"place": place})

    hardneg.processes.subprocess = Instead  # type: ignore[assignment]
