"""What an engine is, the one that is this process, and which one is at work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Work(Protocol):
    """Work in numbered blocks, which can be sent to another process: pickled, once for each worker.

    Each block leaves its result on disk, whole or not at all, and the same whoever does it; so it may be done twice.
    """

    def do(self, number: int) -> None:
        """Do one block."""


@runtime_checkable
class Engine(Protocol):
    """Does blocks of work."""

    def each(self, work: Work, numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks of these numbers; give each number when its block is done, in any order."""


@dataclass(frozen=True)
class Here:
    """This process, with the threads that it has."""

    def each(self, work: Work, numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks in their order."""
        for number in numbers:
            work.do(number)
            yield number


_engine: ContextVar[Engine] = ContextVar("engine", default=Here())  # noqa: B039 - it is frozen


def current_engine() -> Engine:
    """The engine that blocks are done by now."""
    return _engine.get()


@contextmanager
def working_on(engine: Engine | None) -> Iterator[None]:
    """Have an engine do all blocks of the work inside; None changes nothing."""
    if engine is None:
        yield
        return
    token = _engine.set(engine)
    try:
        yield
    finally:
        _engine.reset(token)
