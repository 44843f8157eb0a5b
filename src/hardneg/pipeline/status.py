"""What a run folder says of the command that works in it, worked in it, or was stopped there."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.errors import RunError
from hardneg.files import from_json
from hardneg.pipeline.scores import read_record as read_record_of_scores
from hardneg.reports.read_run import mining_findings
from hardneg.runs import layout
from hardneg.runs.parts import part_files, scan_parts
from hardneg.runs.record import Record, TaskState, read_record
from hardneg.runs.state import read_audits, read_state, whole_lines
from hardneg.training.folder import TrainingFolder
from hardneg.training.watch.curve import Curve

_TAIL = 10_000  # bytes, longer than any line of a loss curve


@dataclass(frozen=True)
class Status:
    """How far a run is."""

    folder: str
    command: str | None
    state: str
    problem: str | None = None
    seconds: float | None = None
    stage: str | None = None
    stages_done: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    tasks: tuple[TaskState, ...] = ()
    findings: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; each task with its `share` done, in [0, 1], and the seconds `left_s`."""
        tasks = [{**asdict(task), "share": share(task), "left_s": left_s(task)} for task in self.tasks]
        return {**asdict(self), "tasks": tasks}


def share(task: TaskState) -> float | None:
    """Share of a task that is done, in [0, 1]; None if nobody knows how much it is."""
    return min(1.0, task.done / task.total) if task.total else None


def left_s(task: TaskState) -> float | None:
    """Seconds that a task will need at its rate; None if either is unknown."""
    return (task.total - task.done) / task.rate if task.total and task.rate else None


def read_status(folder: Path) -> Status:
    """Look into a run folder, without disturbing what works there."""
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; name the folder of a run")
    with whole_lines(folder):
        return _looked_into(folder)


def _looked_into(folder: Path) -> Status:
    manifest = read_state(folder / layout.MANIFEST, keys=("stages",))
    record = read_record(folder)
    state = _state_of_files(folder, manifest) if record is None else record.state
    if state is None:
        raise RunError(
            f"{folder} holds no run; name a folder that `hardneg run`, `mine`, `train` or another long command wrote "
            "into"
        )
    stage, planned = manifest.get("stage"), tuple(manifest.get("planned", ()))
    done = tuple(name for name in planned if name in manifest["stages"] and name != stage) if planned else ()
    return Status(
        str(folder),
        None if record is None else record.command,
        state,
        problem=None if record is None else record.problem,
        seconds=_seconds(record),
        stage=stage,
        stages_done=done,
        stages=planned,
        tasks=() if record is None else tuple(task for task in record.tasks if task.ended is None),
        findings=_findings(folder),
    )


def _seconds(record: Record | None) -> float | None:
    if record is None:
        return None
    return (time.time() if record.state == "running" else record.updated) - record.started


def _state_of_files(folder: Path, manifest: dict[str, Any]) -> str | None:
    """Tell finished from interrupted by what was written; None if nothing was."""
    training = read_state(folder / layout.TRAINING, keys=("result",))
    if training:
        is_finished = training["result"] is not None
    elif manifest:
        is_finished = "stage" not in manifest and (folder / "model").is_dir()
    elif (folder / layout.MINING).exists():
        is_finished = (folder / layout.FUNNEL).exists()
    elif _measured(folder) or read_audits(folder):
        is_finished = True
    else:
        return None
    return "finished" if is_finished else "interrupted"


def _findings(folder: Path) -> dict[str, Any]:
    minings, trainings = [*layout.minings(folder), *layout.further(folder)], layout.trainings(folder)
    summary = {f"mined {place.name}" if place != folder else "mined": _mined(place) for place in minings}
    for place in trainings:
        last = _last_line(place / layout.LOSSES)
        name = f"training {place.name}" if place.parent.name == "training" else "training"
        summary[name] = {key: last[key] for key in ("step", "loss") if key in last}
        summary[name.replace("training", "watched", 1)] = _looked(place)
    summary |= _measured(folder) | _scored(folder)
    summary |= {f"audit, {kind}": figures for kind, figures in read_audits(folder).items()}
    noticed = [finding for place in trainings for finding in TrainingFolder(place).findings()]
    noticed += [finding for place in minings for finding in mining_findings(place)]
    shown: dict[str, Any] = {name: figures for name, figures in summary.items() if figures}
    return shown | ({"findings": [asdict(finding) for finding in noticed]} if noticed else {})


def _looked(place: Path) -> dict[str, Any]:
    """Read the last look at a model that is or was trained, and the best one."""
    watched = Curve(place).watched()
    if watched is None:
        return {}
    last = {"step": watched.last.step, watched.measure: watched.last.value}
    return last | {"best": watched.best.value, "at step": watched.best.step, "of": watched.about.split}


def _measured(folder: Path) -> dict[str, Any]:
    """Read what was measured, in a run's folder, in one of `hardneg evaluate` or in one of a ladder."""
    figures = {}
    for place in layout.evaluations(folder):
        metrics = read_state(place / layout.METRICS, keys=("name", "metrics"))
        name = place.name if place.parent.name == "evaluation" else metrics["name"]
        figures[f"measured {name}"] = {key: figure["value"] for key, figure in metrics["metrics"].items()}
    ladder = read_state(folder / layout.LADDER, keys=("measure", "rungs"))
    for rung in ladder.get("rungs", ()):
        if rung["test"] is not None:
            figures[f"measured {rung['name']}"] = {ladder["measure"]: rung["test"][ladder["measure"]]["value"]}
    return figures


def _scored(folder: Path) -> dict[str, Any]:
    """Read what teachers thought of what was mined, of each that is done."""
    files = sorted(folder.glob("scores/*.parquet"))
    records = {file.stem: read_record_of_scores(file) for file in files}
    return {
        f"scored by {name}": {key: each[key] for key in ("pairs", "positive_mean", "other_mean")}
        for name, each in records.items()
        if "pairs" in each
    }


def _mined(folder: Path) -> dict[str, Any]:
    counts = read_state(folder / layout.FUNNEL, keys=("selected",))
    if counts:
        return {
            key: counts[key] for key in ("queries", "candidates", "dropped", "eligible", "selected", "short_queries")
        }
    if part_files(folder / "negatives"):
        return {"selected": scan_parts(folder / "negatives").select(pl.len()).collect().item()}
    return {}


def _last_line(path: Path) -> dict[str, Any]:
    """Read the last whole line of a file of JSON lines that may be written to just now."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        whole = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
    with whole_lines(path):
        return from_json(whole) if whole.startswith(b"{") else {}
