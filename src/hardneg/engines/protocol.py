"""What an engine is, the one that is this process, and which one is at work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Work(Protocol):
    """Work in numbered blocks, which can be sent to another process: pickled, once for each worker.

    Each block leaves its result on disk, whole or not at all, and the same whoever does it; so it may be done twice.
    """

    def do(self, number: int) -> None:
        """Do one block."""


@runtime_checkable
class Asking(Work, Protocol):
    """Work whose blocks ask scorers, which keep their scores in databases and may be asked so often at a time alone."""

    @property
    def scorers(self) -> Sequence[object]:
        """Whom the blocks ask."""


@runtime_checkable
class Once(Work, Protocol):
    """Work of which no block may be done by two at a time."""

    @property
    def once(self) -> bool:
        """Whether it is so."""


@runtime_checkable
class Placed(Work, Protocol):
    """Work of which a worker had better do what needs the same things in memory."""

    def place(self, number: int) -> int:
        """Name what a block needs, by a number."""


@runtime_checkable
class Limited(Protocol):
    """A scorer that answers so many requests at a time, whoever sends them: a block of its work is done only once."""

    @property
    def concurrency(self) -> int:
        """How many, from 1."""


@runtime_checkable
class Engine(Protocol):
    """Does blocks of work. One that is a context manager too keeps its workers for as long as it is at work."""

    def each(self, work: Work, numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks of these numbers; give each number when its block is done, in any order."""


@runtime_checkable
class Trains(Engine, Protocol):
    """An engine that several processes can train one model on."""

    def together(self, function: Callable[[], Any], folder: Path) -> None:
        """Call a function, which can be sent, in each process of a group that torch knows; it writes to a folder."""


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


def is_here() -> bool:
    """Whether blocks are done in this process now."""
    return isinstance(current_engine(), Here)


@contextmanager
def working_on(engine: Engine | None, *, keep: bool = True) -> Iterator[None]:
    """Have an engine do all blocks of the work inside; None changes nothing.

    Its workers stay from one work to the next, unless there is so much other work in between that they had better go.
    """
    if engine is None:
        yield
        return
    token = _engine.set(engine)
    try:
        with keeping_workers() if keep else nullcontext():
            yield
    finally:
        _engine.reset(token)


@contextmanager
def keeping_workers() -> Iterator[None]:
    """Keep the workers of the engine of the time from one work inside to the next."""
    engine = current_engine()
    with engine if isinstance(engine, AbstractContextManager) else nullcontext():
        yield


class Seat(Protocol):
    """A worker's place among the others."""

    @property
    def n_workers(self) -> int:
        """How many there are."""

    def call(self, open_: Callable[..., Any], arguments: tuple[Any, ...], method: str, given: tuple[Any, ...]) -> Any:  # noqa: ANN401
        """Call a method of what `open_` opens, in the one process that has it open."""


_seat: ContextVar[Seat | None] = ContextVar("seat", default=None)


@contextmanager
def seated(seat: Seat) -> Iterator[None]:
    """Do what is inside as a worker."""
    token = _seat.set(seat)
    try:
        yield
    finally:
        _seat.reset(token)


class _Elsewhere:
    """What another process has open; each method is called there."""

    def __init__(self, seat: Seat, open_: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._at = (seat, open_, arguments)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        seat, open_, arguments = self._at
        return lambda *given: seat.call(open_, arguments, method, given)


@contextmanager
def shared(open_: Callable[..., AbstractContextManager[T]], *arguments: object) -> Iterator[T]:
    """Open what only one machine may have open, such as a database; of a worker, each call is made there.

    Arguments and results of its methods must be what can be sent to another process.
    """
    seat = _seat.get()
    if seat is None:
        with open_(*arguments) as opened:
            yield opened
    else:
        yield _Elsewhere(seat, open_, arguments)  # type: ignore[misc]


def share_of(limit: int) -> int:
    """Give this process' part of a limit that all workers have together."""
    seat = _seat.get()
    return limit if seat is None else max(1, limit // seat.n_workers)
