"""The file in a run's folder that says what a command is doing there.

.status.json    which command, how far each of its tasks is; renewed every second while it works
.status.lock    held while it works, so that a killed command is told from a working one
"""

import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from hardneg.errors import InputError, Interrupted
from hardneg.files import replacing
from hardneg.hiding import hide
from hardneg.progress import Advance, Display, current, show_note, showing
from hardneg.runs.lock import STATUS, WRITER

State = Literal["running", "finished", "interrupted", "failed"]

_LOCK = ".status.lock"
_EVERY_S = 1.0
_RATE_S = 60.0  # over how long a rate is taken
_KEPT = 50  # finished tasks


@dataclass(frozen=True)
class TaskState:
    """How far a task is."""

    name: str
    unit: str
    total: int | None  # None if nobody knows
    done: int
    rate: float | None  # units a second over the last minute
    started: float  # seconds since 1970, as `ended` and `updated`
    ended: float | None = None  # None while it runs
    note: str = ""  # a few words of how it goes


@dataclass(frozen=True)
class Record:
    """What a command is doing, or did."""

    command: str
    dataset: str | None  # that of an earlier command in the folder, where this one did not say
    state: State
    problem: str | None  # the error that ended it
    pid: int
    started: float
    updated: float
    tasks: tuple[TaskState, ...] = ()  # as they were begun, the earliest of many left out
    layout: Mapping[str, Any] = field(default_factory=dict)


def read_record(folder: Path) -> Record | None:
    """Read what the last command in a folder is doing; None if no command wrote it down.

    One that says `running` while nobody holds its lock was killed: it is `interrupted`.
    """
    try:
        fields = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        tasks = tuple(TaskState(**task) for task in fields.pop("tasks"))
        record = Record(**fields, tasks=tasks)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if record.state == "running" and not _is_held(folder):
        return replace(record, state="interrupted")
    return record


@contextmanager
def recording(
    folder: Path | None, command: str, *, dataset: str | None = None, layout: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Write down in a folder what is being done inside the block, for `hardneg status` to read.

    Tasks are shown on the display that was there before as well. A second command in the same folder records nothing,
    nor does one that may not write there.

    Args:
        folder: Folder of the run; made if missing. None records nothing.
        command: What is done, for people.
        dataset: The dataset that the folder is made from; None leaves what an earlier command said.
        layout: What was said of its layout; it goes with `dataset`.

    Yields:
        Nothing.
    """
    if folder is None:
        yield
        return
    lock = FileLock(folder / _LOCK, timeout=0)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, Timeout):
        yield
        return
    before = read_record(folder) if dataset is None else None
    kept = (before.dataset, before.layout) if before else (dataset, layout or {})
    recorder = _Recorder(folder, command, kept, current())
    try:
        with recorder.writing(), showing(recorder):
            yield
    except InputError:
        if made and {path.name for path in folder.iterdir()} <= {STATUS, _LOCK, WRITER}:
            shutil.rmtree(folder, ignore_errors=True)  # refused before there was anything to record
            with suppress(OSError):
                for place in made[1:]:
                    place.rmdir()
        raise
    finally:
        lock.release()


@dataclass
class _Task:
    name: str
    unit: str
    total: int | None
    started: float
    done: int = 0
    ended: float | None = None
    note: str = ""
    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def state(self, now: float) -> TaskState:
        if self.ended is None:
            self.seen.append((now, self.done))
            while len(self.seen) > 2 and self.seen[1][0] < now - _RATE_S:
                self.seen.popleft()
        since, before = self.seen[0] if self.seen else (self.started, 0)
        at = self.ended or now
        rate = (self.done - before) / (at - since) if at > since else None
        return TaskState(self.name, self.unit, self.total, self.done, rate or None, self.started, self.ended, self.note)


class _Recorder:
    """A display that writes a file once a second, and hands everything on to another display."""

    def __init__(
        self, folder: Path, command: str, dataset: tuple[str | None, Mapping[str, Any]], inner: Display
    ) -> None:
        self.folder, self.command, self.inner = folder, command, inner
        self.dataset, self.layout = dataset
        self.started = time.time()
        self.tasks: deque[_Task] = deque()
        self.lock = threading.Lock()

    @contextmanager
    def task(self, description: str, *, total: int | None, unit: str) -> Iterator[Advance]:
        mine = _Task(description, unit, total, time.time())
        with self.lock:
            self.tasks.append(mine)
            finished = [task for task in self.tasks if task.ended is not None]
            if len(finished) > _KEPT:
                self.tasks.remove(finished[0])

        with self.inner.task(description, total=total, unit=unit) as shown:

            def advance(n: int) -> None:
                mine.done += n
                if not mine.seen:  # what was done in an earlier session comes first and says nothing of the rate
                    mine.seen.append((time.time(), mine.done))
                shown(n)

            yield advance
            mine.ended = time.time()

    def note(self, description: str, text: str) -> None:
        with self.lock:
            for task in reversed(self.tasks):
                if task.name == description:
                    task.note = text
                    break
        show_note(self.inner, description, text)

    @contextmanager
    def writing(self) -> Iterator[None]:
        ended = threading.Event()
        writer = threading.Thread(target=self._keep_writing, args=(ended,), daemon=True)
        self._write("running")
        writer.start()
        state: State = "failed"
        problem = None
        try:
            yield
            state = "finished"
        except (KeyboardInterrupt, Interrupted):
            state = "interrupted"
            raise
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
            raise
        finally:
            ended.set()
            writer.join()
            self._write(state, problem)

    def _keep_writing(self, ended: threading.Event) -> None:
        while not ended.wait(_EVERY_S):
            self._write("running")

    def _write(self, state: State, problem: str | None = None) -> None:
        now = time.time()
        with self.lock:
            tasks = tuple(task.state(now) for task in self.tasks)
        record = Record(self.command, self.dataset, state, problem, os.getpid(), self.started, now, tasks, self.layout)
        with (
            suppress(OSError),
            replacing(self.folder / STATUS, sums=False) as temporary,
        ):  # the work matters more than its record
            temporary.write_text(hide(json.dumps(asdict(record))), encoding="utf-8")


def _is_held(folder: Path) -> bool:
    """Say whether a living command holds the lock of a folder."""
    try:
        with FileLock(folder / _LOCK, timeout=0):
            return False
    except (Timeout, OSError):  # or a folder of somebody else's; the lock cannot be tried
        return True
