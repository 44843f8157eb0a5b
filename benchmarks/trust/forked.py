"""The command line in a process of its own that need not import anything: forked from one that has.

The process that is forked must use no thread and no table of polars, whose threads would be missing in its child.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = 3 << 30  # bytes of a command: enough for all that is done here


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int  # negative: the signal that ended it
    output: str
    errors: str
    hung: bool = False

    @property
    def broke(self) -> str:
        """Why this is no way for a command to end; empty if it is one."""
        if self.hung:
            return "it hung"
        for mark in ("Traceback (most recent call last)", "panicked at"):
            if mark in self.errors or mark in self.output:
                return f"{mark}: {self.errors[-300:]}"
        return "" if self.code in (0, 1, 2, 3) else f"status {self.code}: {self.errors[-300:]}"


def load() -> None:
    """Import all that commands use."""
    import sentence_transformers  # noqa: F401
    import torch

    import hardneg.cli.app
    import hardneg.fits.fit
    import hardneg.ladders.work
    import hardneg.reports.examples
    import hardneg.review.session
    import hardneg.teachers.training
    import hardneg.training.loop
    import hardneg.verbs.calibrate
    import hardneg.verbs.score  # noqa: F401

    torch.set_num_threads(1)


def start(arguments: Sequence[str], log: Path, before: Callable[[], object] | None = None) -> int:
    """Start a command and give its process id; what it says goes into two files. `before` is done in its process."""
    from hardneg.cli.app import main

    return _forked(lambda: main(list(arguments)), log, before)


def in_child(work: Callable[[], Any], log: Path) -> Any:
    """Do something that uses threads in a process of its own; gives what it gives."""
    answer = Path(f"{log}.json")
    answer.unlink(missing_ok=True)

    def kept() -> int:
        answer.write_text(json.dumps(work()))
        return 0

    ended = finish(_forked(kept, log, None), log, seconds=3_600)
    assert ended.code == 0, ended.errors
    return json.loads(answer.read_text())


def _forked(work: Callable[[], int], log: Path, before: Callable[[], object] | None) -> int:
    for name in ("out", "err"):
        Path(f"{log}.{name}").unlink(missing_ok=True)
    process = os.fork()
    if process:
        return process
    code = [70]
    try:
        _work(work, log, before, code)
    finally:  # whatever interrupted it, and when: what the process that forked it holds is not this one's to tidy up
        os._exit(code[0])


def _work(work: Callable[[], int], log: Path, before: Callable[[], object] | None, code: list[int]) -> None:
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started this may have it ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(f"{log}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, number)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        if before is not None:
            before()
        code[0] = work()
    except BaseException:
        traceback.print_exc()
        code[0] = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()


def finish(process: int, log: Path, *, seconds: float = 300) -> Ended:
    """Wait for a command."""
    deadline, hung = time.monotonic() + seconds, False
    while True:
        pid, status = os.waitpid(process, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            hung = True
            os.killpg(process, signal.SIGKILL)
            deadline += 1e9
        time.sleep(0.002)
    files = [Path(f"{log}.{name}") for name in ("out", "err")]
    texts = [file.read_text(errors="replace") if file.exists() else "" for file in files]
    return Ended(os.waitstatus_to_exitcode(status), *texts, hung=hung)


def command(
    arguments: Sequence[str], log: Path, *, seconds: float = 300, before: Callable[[], object] | None = None
) -> Ended:
    """Run a command to its end."""
    return finish(start(arguments, log, before), log, seconds=seconds)
