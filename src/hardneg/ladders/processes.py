"""One process a task, so that its memory can be told and its crash harms nobody else."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hardneg.errors import Interrupted
from hardneg.ladders.plan import read_record, write_record
from hardneg.processes import Worker
from hardneg.runs.lock import lent

INTERRUPTED = 3  # status of a process that was stopped and can go on


@dataclass(frozen=True)
class InProcess:
    """What does a task in a process of its own, started by a command."""

    command: tuple[str, ...]

    def __call__(self, folder: Path, task: str) -> None:
        """Do a task, and write down how its process ended if the task could not."""
        job, log = {"folder": str(folder), "task": task, "code": True}, folder / "tasks" / f"{task}.log"
        worker = Worker(self.command, job, log=log, shown=sys.stderr.isatty(), inherits=lent())
        try:
            code = worker.wait()
        except KeyboardInterrupt:
            code = INTERRUPTED
        if code == INTERRUPTED:
            raise Interrupted("the ladder was stopped; the same command goes on where it stopped")
        record = read_record(folder, task)
        if record.state == "begun":
            write_record(folder, task, replace(record, state="failed", message=f"its process {worker.ending()}"))


def in_process(command: Sequence[str]) -> Callable[[Path, str], None]:
    """Give what does a task in a process of its own."""
    return InProcess(tuple(command))


@dataclass(frozen=True)
class Tasks:
    """Tasks of a ladder that need nothing of each other."""

    folder: Path
    names: tuple[str, ...]
    work: Callable[[Path, str], None]

    once: ClassVar[bool] = True  # two would write in one folder

    def do(self, number: int) -> None:
        """Do a task, and write down what became of it."""
        self.work(self.folder, self.names[number])
