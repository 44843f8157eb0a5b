"""What a command does as JSON, one object a line, for machines that watch it."""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from hardneg.errors import InputError, Interrupted
from hardneg.hiding import hide
from hardneg.progress import Advance, Display, current, show_note, showing

_EVERY_S = 10.0
_file: ContextVar[TextIO | None] = ContextVar("log", default=None)


def event(name: str, **fields: object) -> None:
    """Write a line to the log, if there is one."""
    file = _file.get()
    if file is not None:
        _write(file, name, fields)


@contextmanager
def logging_to(target: str) -> Iterator[None]:
    """Write what happens inside the block as JSON lines: tasks, their progress, findings, warnings and how it ended."""
    try:
        path = Path(target)
        if target != "-":
            path.parent.mkdir(parents=True, exist_ok=True)
        opened = nullcontext(sys.stderr) if target == "-" else path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise InputError(f"the log {target} cannot be written: {error.strerror}") from error
    with opened as file:
        token, handler = _file.set(file), _Lines(file)
        logging.getLogger().addHandler(handler)
        event("started", command=sys.argv[1:])
        try:
            with showing(Logged(current(), file)):
                yield
            event("ended", state="finished")
        except BaseException as error:
            event("ended", **_outcome(error))
            raise
        finally:
            logging.getLogger().removeHandler(handler)
            _file.reset(token)


@dataclass(frozen=True)
class Logged:
    """A display that writes lines and hands everything on to another display."""

    inner: Display
    file: TextIO

    @contextmanager
    def task(self, description: str, *, total: int | None, unit: str) -> Iterator[Advance]:
        """Write a line when the task begins and ends, and every ten seconds between."""
        started = last_line_s = time.monotonic()
        done = 0

        def line(name: str) -> None:
            seconds = round(time.monotonic() - started, 3)
            _write(
                self.file, name, {"task": description, "unit": unit, "done": done, "total": total, "seconds": seconds}
            )

        with self.inner.task(description, total=total, unit=unit) as shown:

            def advance(n: int) -> None:
                nonlocal done, last_line_s
                done += n
                shown(n)
                if time.monotonic() - last_line_s >= _EVERY_S:
                    last_line_s = time.monotonic()
                    line("progress")

            line("task_started")
            yield advance
            line("task_ended")

    def note(self, description: str, text: str) -> None:
        """Write a line, and hand the note on."""
        _write(self.file, "note", {"task": description, "note": text})
        show_note(self.inner, description, text)


class _Lines(logging.Handler):
    """Writes the warnings of all libraries."""

    def __init__(self, file: TextIO) -> None:
        super().__init__(logging.WARNING)
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"logger": record.name, "level": record.levelname.lower(), "message": record.getMessage()}
        _write(self.file, "log", fields)


def _outcome(error: BaseException) -> dict[str, object]:
    code = getattr(error, "exit_code", getattr(error, "code", None))  # how click leaves a command early
    if isinstance(error, (KeyboardInterrupt, Interrupted)) or type(error).__name__ == "Abort":
        return {"state": "interrupted"}
    if isinstance(code, int):
        return {"state": "finished" if code == 0 else "failed", "exit_code": code}
    return {"state": "failed", "problem": f"{type(error).__name__}: {error}"}


def _write(file: TextIO, name: str, fields: Mapping[str, object]) -> None:
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": name, **fields}
    file.write(hide(json.dumps(line, default=str, ensure_ascii=False)) + "\n")
    file.flush()
