"""`hardneg status`: how far a run is, from another terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.options import Json, print_json, shown_place
from hardneg.progress import duration

if TYPE_CHECKING:
    from hardneg.pipeline.status import Status
    from hardneg.runs.record import TaskState


_BEGIN_ANEW = ("audit", "calibrate", "evaluate")
_ANEW = "The same command begins anew; vectors, scores and fitted filters that it kept are not made again."


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of `hardneg run`, or of another long command.")],
    json: Json = False,
) -> None:
    """Say how far a run is, how long it will take, and what it found so far; also of one that was stopped."""
    from hardneg.pipeline.status import read_status

    state = read_status(run)
    if json:
        print_json(state.as_dict())
    else:
        _show(state)


def _show(found: "Status") -> None:
    what = "" if found.command is None else f"hardneg {found.command}, "
    when = "for" if found.state == "running" else "after"
    after = "" if found.seconds is None else f" {when} {duration(found.seconds)}"
    typer.echo(f"{shown_place(found.folder)}: {what}{found.state}{after}")
    if found.problem:
        typer.echo(f"  {found.problem}")
    if found.state in ("interrupted", "failed") and found.command is not None:
        typer.echo(f"  {_ANEW if found.command in _BEGIN_ANEW else 'The same command goes on where it stopped.'}")
    if found.stages:
        now = "" if found.stage is None else f", {'now' if found.state == 'running' else 'stopped in'} {found.stage}"
        typer.echo(f"  {len(found.stages_done)} of {len(found.stages)} stages are done{now}")
    for task in found.tasks:
        typer.echo(f"  {_task(task, is_running=found.state == 'running')}")
    for name, figures in found.findings.items():
        if name == "findings":
            for each in figures:
                typer.echo(f"  {each['severity']} {each['code']}: {each['title']}: {each['detail']}")
        else:
            typer.echo(f"  {name}: {_figures(figures)}")


def _task(task: "TaskState", *, is_running: bool) -> str:
    from hardneg.pipeline.status import left_s, share

    done, left = share(task), left_s(task)
    of = "" if task.total is None else f" of {task.total:,}"
    parts = [f"{task.name}: {task.done:,}{of} {task.unit}"]
    parts += [] if done is None else [f"{done:.0%}"]
    parts += [] if task.rate is None or not is_running else [f"{task.rate:,.3g} {task.unit}/s"]
    parts += [task.note] if task.note else []
    parts += [] if left is None or not is_running else [f"about {duration(left)} left"]
    return ", ".join(parts)


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in figures.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return f"({_figures(value)})" if value else "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if isinstance(value, float) else str(value)
