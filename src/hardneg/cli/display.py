"""What goes to stderr: progress, how fast and how long it will take, and warnings."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from hardneg.progress import Advance, Both, current, showing
from hardneg.runs.log import event

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from hardneg.data.findings import Finding
    from hardneg.models.reading import Reading


Pause = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class ProgressBars:
    """Draws one bar a task, those of tasks within tasks below each other."""

    progress: "Progress"
    finished: "dict[tuple[str, bool], TaskID]" = field(default_factory=dict)
    open: "dict[str, TaskID]" = field(default_factory=dict)

    @contextmanager
    def task(self, description: str, *, total: int | None, unit: str) -> Iterator[Advance]:
        """Open a bar; it stays on the screen when the task is done."""
        key = (description, total is None)
        bar = self.finished.pop(key, None)
        if bar is None:
            bar = self.progress.add_task(description, total=total, unit=unit, note="")
        else:
            self.progress.reset(bar, total=total, unit=unit, note="")
        around = self.open.get(description)  # a task of the same name that this one is part of
        self.open[description] = bar
        yield lambda n: self.progress.advance(bar, n)
        del self.open[description]
        if around is not None:
            self.open[description] = around
        self.finished[key] = bar

    def note(self, description: str, text: str) -> None:
        """Show a few words at the end of an open bar."""
        if description in self.open:
            self.progress.update(self.open[description], note=text)


def progress(*, quiet: bool) -> AbstractContextManager[Pause]:
    """Show progress inside the block, unless asked not to or stderr is not a terminal.

    Its value takes the bars off the screen for a while: `with progress(quiet=False) as pause, pause(): ...`
    """
    if quiet or not sys.stderr.isatty():
        return nullcontext(nullcontext)
    return _drawing()


def warn_if_nothing_mined(funnel: dict[str, Any]) -> None:
    """Say on stderr that there are no negatives, and which filters to look at."""
    if funnel["selected"]:
        return
    dropped = ", ".join(f"{name} {count:,}" for name, count in funnel["dropped"].items()) or "none"
    typer.echo(
        f"hardneg: warning: no negative was selected: of {funnel['candidates']:,} candidates, filters dropped "
        f"{dropped}; loosen a filter, mine deeper or add a source",
        err=True,
    )


def own_negatives_line(n_own: int) -> str:
    """Say that the dataset's own negatives were trained on."""
    return f"trained on {n_own:,} negatives that the labels of the dataset name (source judged)"


def show_findings(findings: "Sequence[Finding]") -> None:
    """Say on stderr what was noticed, and what to do about it."""
    for finding in findings:
        event("finding", **asdict(finding))
        typer.echo(f"hardneg: {finding.severity} {finding.code}: {finding.title}: {finding.detail}", err=True)
        typer.echo(f"    → {finding.remedy}", err=True)


def show_reading(name: str, reading: "Mapping[str, Any] | Reading | None") -> None:
    """Say on stderr how a model reads the texts: its prompts and numbers, and which share of them it cuts."""
    if not reading:
        return
    from hardneg.models.reading import Reading

    seen = reading if isinstance(reading, Reading) else Reading.from_dict(reading)
    event("reading", model=name, **seen.as_dict())
    typer.echo(f"hardneg: {name}: {seen.means()}", err=True)
    typer.echo(f"hardneg: {name}: {seen.cuts()}", err=True)


@contextmanager
def _drawing() -> Iterator[Pause]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            # Rich knows no speed before the second step; work in one block has only one.
            overall = task.completed / task.elapsed if task.elapsed else 0.0
            return Text(_rate(task.finished_speed or task.speed or overall, task.fields["unit"]))

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
    drawn = Progress(
        *columns,
        *times,
        console=Console(stderr=True),
        redirect_stdout=False,  # what a command prints on stdout must not be drawn on stderr
        speed_estimate_period=600.0,  # seconds; blocks of work can take longer than Rich's half a minute
    )

    @contextmanager
    def pause() -> Iterator[None]:
        drawn.stop()
        try:
            yield
        finally:
            drawn.start()

    with drawn, showing(Both(current(), ProgressBars(drawn))):
        yield pause


def _rate(speed: float, unit: str) -> str:
    if not speed:
        return ""
    return f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:.2g} {unit}/s"
