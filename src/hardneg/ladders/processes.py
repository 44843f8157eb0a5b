"""One process a task, so that its memory can be told and its crash harms nobody else.

A process ends when its standard input does, also if the one that started it was killed: nothing goes on behind the back
of the next call.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from hardneg.errors import Interrupted
from hardneg.ladders.plan import read_record, write_record

_LOG_LINES = 3


def in_process(command: Sequence[str]) -> Callable[[Path, str], None]:
    """Give what does a task in a process of its own."""

    def work(folder: Path, task: str) -> None:
        log = folder / "tasks" / f"{task}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        code = _run([*command, str(folder), task], log)
        record = read_record(folder, task)
        if code == 3:
            raise Interrupted("the ladder was stopped; the same command goes on where it stopped")
        if record.state == "begun":
            write_record(folder, task, replace(record, state="failed", message=_ending(code, log)))

    return work


def end_with_input() -> None:
    """Stop this process when its standard input ends, for a process that another one started; training saves first.

    SIGTERM does it: a shell that starts something in the background may have it ignore SIGINT.
    """

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 1):  # not by way of sys.stdin, whose lock would be held when the process ends
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _run(command: Sequence[str], log: Path) -> int:
    """Run a process to its end, handing on Ctrl-C once, at which it saves what it has."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else errors,
            stdout=errors,
            start_new_session=True,  # Ctrl-C of the terminal comes to us alone, and we hand it on
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            with suppress(KeyboardInterrupt):
                process.wait()
                return 3
            process.kill()
            process.wait()
            return 3
        finally:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()


def _ending(code: int, log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-_LOG_LINES:]
    detail = f": {lines[-1]}" if lines else ""
    if code < 0:
        name = signal.Signals(-code).name
        why = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{why}{detail}"
    return f"its process ended with status {code}{detail}"
