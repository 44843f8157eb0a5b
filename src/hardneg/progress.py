"""Progress of long work, without the library printing anything.

Stages report to a display. The command line installs one that draws bars; a library user sees nothing
unless they install their own with `showing`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

Advance = Callable[[int], None]


class Display(Protocol):
    """Something that can show how far a task is."""

    def task(self, description: str, *, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Open a task; the value of the context is called with the number of units done."""


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
