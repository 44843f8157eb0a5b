"""Climbing: every task of a plan in its turn, whatever becomes of the others."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hardneg import progress
from hardneg.ladders.plan import LadderPlan, Task
from hardneg.ladders.record import Record, read_record, write_record

Work = Callable[[Path, str], None]

_AGREED = "agreed"


@dataclass(frozen=True)
class Turn:
    """A task whose turn it is."""

    task: Task
    number: int
    total: int


def climb(plan: LadderPlan, folder: Path, *, work: Work, announce: Callable[[Turn], None]) -> dict[str, Record]:
    """Do all tasks of a plan that are not done; one that fails stops only those that need it."""
    tasks = plan.tasks()
    records: dict[str, Record] = {}
    with progress.task("climbing", total=len(tasks), unit="tasks") as advance:
        for number, task in enumerate(tasks, start=1):
            record = read_record(folder, task.id)
            lacking = next((need for need in task.needs if records[need].state != "done"), None)
            if lacking is not None:
                record = Record("failed", record.seconds, record.peak_gb, _because(lacking, records[lacking]))
                write_record(folder, task.id, record)
            elif record.state != "done":
                announce(Turn(task, number, len(tasks)))
                work(folder, task.id)
                record = read_record(folder, task.id)
            records[task.id] = record
            advance(1)
    return records


def was_agreed(plan: LadderPlan, folder: Path) -> bool:
    """Say whether all work of a plan was agreed to before."""
    agreed = read_record(folder, _AGREED).found.get("tasks", [])
    return {task.id for task in plan.tasks()} <= set(agreed)


def write_agreed(plan: LadderPlan, folder: Path) -> None:
    """Write down that a plan was agreed to, so that the same command goes on without asking."""
    write_record(folder, _AGREED, Record("done", found={"tasks": [task.id for task in plan.tasks()]}))


def _because(need: str, record: Record) -> str:
    return (
        record.message if record.message.startswith("it needs ") else f"it needs {need}, which failed: {record.message}"
    )
