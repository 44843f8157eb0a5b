"""What became of each piece of work: one small file a task."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from hardneg.files import write_json
from hardneg.runs.state import read_state

State = Literal["begun", "done", "failed"]


@dataclass(frozen=True)
class Record:
    """What became of a task."""

    state: State = "begun"
    seconds: float = 0.0
    peak_gb: float = 0.0
    message: str = ""
    found: dict[str, Any] = field(default_factory=dict)


def read_record(folder: Path, task: str) -> Record:
    """Read what became of a task; one that nobody began has just begun."""
    state = read_state(_path(folder, task), keys=("state", "seconds", "peak_gb"))
    return Record(**state) if state else Record()


def write_record(folder: Path, task: str, record: Record) -> None:
    """Write down what became of a task."""
    write_json(_path(folder, task), asdict(record))


def _path(folder: Path, task: str) -> Path:
    return folder / "tasks" / f"{task}.json"
