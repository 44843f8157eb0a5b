"""Progress of long work, without the library printing anything, and times as people read them.

Stages report to a display. The command line installs one that draws bars; a library user sees nothing
unless they install their own with `showing`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Advance = Callable[[int], None]


class Display(Protocol):
    """Something that can show how far a task is."""

    def task(self, description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a task; the value of the context is called with the number of units done."""


@runtime_checkable
class TakesNotes(Protocol):
    """A display that shows a few words beside a task that is open."""

    def note(self, description: str, text: str) -> None:
        """Show them, in place of those before."""


class _Quiet:
    def task(self, description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:  # noqa: ARG002
        return nullcontext(lambda _n: None)


_QUIET = _Quiet()
_display: ContextVar[Display] = ContextVar("display", default=_QUIET)


@dataclass(frozen=True)
class Both:
    """Shows everything on two displays."""

    first: Display
    second: Display

    @contextmanager
    def task(self, description: str, *, total: int | None, unit: str) -> Iterator[Advance]:
        """Open the task on both."""
        with (
            self.first.task(description, total=total, unit=unit) as one,
            self.second.task(description, total=total, unit=unit) as other,
        ):

            def advance(n: int) -> None:
                one(n)
                other(n)

            yield advance

    def note(self, description: str, text: str) -> None:
        """Show a note on both."""
        for display in (self.first, self.second):
            show_note(display, description, text)


@contextmanager
def showing(display: Display) -> Iterator[None]:
    """Show the progress of everything inside the block on `display`."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)


def current() -> Display:
    """The display that tasks are shown on now."""
    return _display.get()


def task(description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:
    """Open a task on the current display."""
    return _display.get().task(description, total=total, unit=unit)


def note(description: str, text: str) -> None:
    """Show a few words beside an open task, where the current display can."""
    show_note(_display.get(), description, text)


def show_note(display: Display, description: str, text: str) -> None:
    """Show a few words beside an open task on a display, if it can."""
    if isinstance(display, TakesNotes):
        display.note(description, text)


def silent() -> AbstractContextManager[None]:
    """Show nothing of the tasks inside the block, which are parts of one that is shown."""
    return showing(_QUIET)


def duration(seconds: float) -> str:
    """Write a time for people.

    >>> duration(0.42), duration(42.3), duration(600), duration(9000)
    ('0.4 s', '42 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
