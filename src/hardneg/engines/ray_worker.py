"""The processes of a Ray cluster that work, and the one that has open what they share."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ray.exceptions import RayTaskError

import ray
from hardneg.engines.protocol import Work, seated
from hardneg.engines.sent_tables import unpacked
from hardneg.errors import HardnegError


class Desk:
    """The one process that has databases open, on the machine of the process that asks."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._opened: dict[Any, Any] = {}

    def call(self, open_: Callable[..., Any], arguments: tuple[Any, ...], method: str, given: tuple[Any, ...]) -> Any:  # noqa: ANN401
        """Call a method of what is open, or opened now."""
        key = (open_.__module__, open_.__qualname__, arguments)
        if key not in self._opened:
            self._opened[key] = self._stack.enter_context(open_(*arguments))
        return getattr(self._opened[key], method)(*given)


@dataclass(frozen=True)
class DeskSeat:
    """A worker's place among so many, with a desk to ask if the work says whom it asks; else it opens things itself."""

    n_workers: int
    desk: Any

    def call(self, open_: Callable[..., Any], arguments: tuple[Any, ...], method: str, given: tuple[Any, ...]) -> Any:  # noqa: ANN401
        """Have the desk do it."""
        if self.desk is None:
            with open_(*arguments) as opened:
                return getattr(opened, method)(*given)
        try:
            return ray.get(self.desk.call.remote(open_, arguments, method, given))
        except RayTaskError as error:
            if isinstance(error.cause, HardnegError):
                raise error.cause from None
            raise


@dataclass(frozen=True)
class Assignment:
    """What a worker is given with each number: the packed work, by its place in the object store, and its settings."""

    work: list[Any]  # a list, since Ray would fetch a reference that is an argument itself, each time
    settings: Mapping[str, str | None]  # of the environment; None is not set
    seat: DeskSeat


class BlockWorker:
    """A process of the cluster that does blocks; it fetches a work when its first block is to be done."""

    def __init__(self) -> None:
        self._at: str | None = None
        self._work: Work | None = None

    def do(self, assignment: Assignment, number: int) -> None:
        """Do one block."""
        (reference,) = assignment.work
        if self._at != reference.hex():
            self._work = None
            self._work, self._at = unpacked(ray.get(reference)), reference.hex()
        for name, value in assignment.settings.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        assert self._work is not None
        with seated(assignment.seat):
            self._work.do(number)
