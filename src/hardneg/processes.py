"""A module in a process of its own: asked in lines of JSON, logged, and gone when the process that started it is."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hardneg.hiding import hide_in_tracebacks

_PATIENCE_S = 10


class Worker:
    """A Python process that was started with a job, as its arguments say: `["-m", module]`.

    What it writes goes to the log; what it writes as errors, to the terminal if they are `shown`. It `inherits` open
    files, such as locks that it shall hold for as long as it lives.
    """

    def __init__(
        self, arguments: Sequence[str], job: object, *, log: Path, shown: bool = False, inherits: Sequence[int] = ()
    ) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        # The modules that define the user's own components are found as they are here.
        paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", *arguments],  # modules of the working directory do not go before all others
                env=os.environ | paths | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=None if shown else output,
                pass_fds=inherits,
                start_new_session=True,  # Ctrl-C of the terminal comes to us alone, and we hand it on
            )
        self.send(job)

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self._process.poll() is not None

    def send(self, request: object) -> None:
        """Ask for something; nothing happens if it has died, which `ended` tells."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def wait(self) -> int:
        """Wait for its end, and give its status; Ctrl-C is handed on, so that it saves what it has, and then raised."""
        try:
            return self._process.wait()
        except KeyboardInterrupt:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait()
            except KeyboardInterrupt:
                self._process.kill()
                self._process.wait()
            raise
        finally:
            self._close()

    def stop(self) -> None:
        """End it, finished or not."""
        self._process.terminate()
        try:
            self._process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def ending(self) -> str:
        """Say how it ended, with the last line of its log."""
        code, lines = self._process.wait(), self.log.read_text(errors="replace").strip().splitlines()
        message = f": {lines[-1]}" if lines else ""
        if code >= 0:
            return f"ended with status {code}{message}"
        name = signal.Signals(-code).name
        why = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"was ended by {name}{why}{message}"

    def _close(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()


def requests() -> Iterator[Any]:
    """Give a worker its job, then what else it is asked; call it before what takes long, so that nobody has to wait.

    When nobody can ask any more, SIGTERM ends the process, at which training saves what it has: a shell that starts
    something in the background may have it ignore SIGINT.
    """
    hide_in_tracebacks()
    lines: SimpleQueue[bytes] = SimpleQueue()

    def listen() -> None:
        # Not by way of sys.stdin, whose lock would be held when the process ends.
        with suppress(OSError), open(0, "rb", closefd=False) as stream:
            for line in stream:
                lines.put(line)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield json.loads(lines.get())
