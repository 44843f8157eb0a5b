"""One process a task, so that its memory can be told and its crash harms nobody else."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hardneg.errors import Interrupted
from hardneg.ladders.plan import read_record, write_record
from hardneg.processes import Worker
from hardneg.runs.lock import lent

INTERRUPTED = 3  # status of a process that was stopped and can go on


def in_process(command: Sequence[str]) -> Callable[[Path, str], None]:
    """Give what does a task in a process of its own."""

    def work(folder: Path, task: str) -> None:
        job, log = {"folder": str(folder), "task": task, "code": True}, folder / "tasks" / f"{task}.log"
        worker = Worker(command, job, log=log, shown=sys.stderr.isatty(), inherits=lent())
        try:
            code = worker.wait()
        except KeyboardInterrupt:
            code = INTERRUPTED
        if code == INTERRUPTED:
            raise Interrupted("the ladder was stopped; the same command goes on where it stopped")
        record = read_record(folder, task)
        if record.state == "begun":
            write_record(folder, task, replace(record, state="failed", message=f"its process {worker.ending()}"))

    return work
