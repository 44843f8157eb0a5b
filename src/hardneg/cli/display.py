"""Progress bars on stderr: what is done, how fast, how long it will take."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from hardneg.progress import Advance, showing


class Bars:
    """Draws one bar a task with rich."""

    @contextmanager
    def task(self, description: str, *, total: int | None, unit: str) -> Iterator[Advance]:
        """Open a bar; it stays on the screen when the task is done."""
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
                speed = task.finished_speed or task.speed
                return Text(
                    "" if speed is None else f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:.2g} {unit}/s"
                )

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate())
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        with Progress(*columns, *times, console=Console(stderr=True)) as progress:
            bar = progress.add_task(description, total=total)
            yield lambda n: progress.advance(bar, n)


def progress(*, quiet: bool) -> AbstractContextManager[None]:
    """Show progress inside the block, unless asked not to or stderr is not a terminal."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    return showing(Bars())
