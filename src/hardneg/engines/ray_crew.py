"""Handing out blocks to workers of a Ray cluster, of which any may be lost at any time."""

import logging
import os
import signal
import socket
import statistics
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.exceptions import ObjectStoreFullError, OutOfDiskError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import ray
from hardneg.engines.protocol import Asking, Limited, Once, Placed, Work
from hardneg.engines.ray import Ray
from hardneg.engines.ray_worker import Assignment, BlockWorker, Desk, DeskSeat
from hardneg.engines.sent_tables import SentTables
from hardneg.errors import HardnegError, RunError

# What workers take from the process that asks: when they start, and with each block.
_HANDED_ON = ("HF_HOME", "HF_HUB_OFFLINE")
_SETTINGS = ("HARDNEG_CACHE", "XDG_CACHE_HOME", "HARDNEG_WRITER", "HARDNEG_STANDING")
# A worker's processors are the threads of everything in it.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
_LOOK_S = 1.0
_KNOCK_S = 10.0
_SLOW = 2.0  # times the usual time of a block, after which an idle worker does it too


@dataclass(eq=False)
class _Task:
    """A block that a worker is at."""

    number: int
    worker: Any
    since: float


@dataclass(eq=False)
class _Round:
    """A work that is being done."""

    assignment: Assignment
    waiting: deque[int]
    once: bool  # whether no block may be done by two at a time
    place: Callable[[int], int] | None = None
    places: dict[Any, int] = field(default_factory=dict)  # by worker
    at: dict[Any, _Task] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    lost: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    def next(self, worker: Any) -> int | None:  # noqa: ANN401 - a handle that Ray makes
        """Name the block that an idle worker does; None if there is nothing to do."""
        if not self.waiting:
            return None if self.once else self._slow()
        number = self.waiting[0]
        if self.place is not None:
            number = self._near(worker, self.place)
            self.places[worker] = self.place(number)
        self.waiting.remove(number)
        return number

    def _near(self, worker: Any, place: Callable[[int], int]) -> int:  # noqa: ANN401
        """Choose a block that needs what the worker has in memory, else what nobody has."""
        mine, taken = self.places.get(worker), set(self.places.values())
        waiting = {place(number): number for number in reversed(self.waiting)}  # the first of each place
        free = (number for each, number in waiting.items() if each not in taken)
        return waiting[mine] if mine in waiting else next(free, self.waiting[0])

    def _slow(self) -> int | None:
        """Name a block that takes far longer than the others did, and that one worker alone is at."""
        if not self.took:
            return None
        late = time.monotonic() - max(_SLOW * statistics.median(self.took), _LOOK_S)
        several = Counter(task.number for task in self.at.values())
        since = {task.number: task.since for task in self.at.values() if task.number not in self.done}
        slow = [number for number, begun in since.items() if begun < late and several[number] == 1]
        return min(slow, key=since.__getitem__, default=None)


@dataclass(eq=False)
class Crew:
    """Workers, who go from one work to the next."""

    engine: Ray
    idle: list[Any] = field(default_factory=list)
    desk: Any = None
    tables: SentTables | None = None

    @classmethod
    def joined(cls, engine: Ray) -> "Crew":
        """Join the cluster; workers are started when there is work."""
        join(engine)
        return cls(engine)

    def each(self, work: Work, numbers: Sequence[int]) -> Iterator[int]:
        """Do blocks, and give the number of each when it is done."""
        limit = _limit(work)
        n_workers = min(room(self.engine), len(numbers), limit or len(numbers))
        self.idle += [self._hire() for _ in range(n_workers - len(self.idle))]
        if isinstance(work, Asking) and work.scorers:
            self.desk = self.desk or _desk()
        self.tables = self.tables or SentTables.made()
        assignment = Assignment([_put(self.tables.pack(work))], settings(), DeskSeat(n_workers, self.desk))
        place = work.place if isinstance(work, Placed) else None
        once = limit is not None or (isinstance(work, Once) and work.once)
        now = _Round(assignment, deque(numbers), once=once, place=place)
        try:
            while len(now.done) < len(numbers):
                self._hand_out(now)
                ready, _ = ray.wait(list(now.at), num_returns=1, timeout=_LOOK_S)
                for reference in ready:
                    number = self._take(now, reference)
                    if number is not None:
                        now.done.add(number)
                        yield number
        finally:
            for task in now.at.values():  # what nobody waits for any more
                ray.kill(task.worker)
            self.tables.forget()

    def dismiss(self) -> None:
        """Let all go."""
        for each in (*self.idle, self.desk) if ray.is_initialized() else ():
            if each is not None:
                ray.kill(each)
        if self.tables is not None:
            self.tables.remove()
        self.idle, self.desk, self.tables = [], None, None

    def _hand_out(self, now: _Round) -> None:
        while self.idle and len(now.at) < now.assignment.seat.n_workers:
            number = now.next(self.idle[-1])
            if number is None:
                return
            worker = self.idle.pop()
            now.at[worker.do.remote(now.assignment, number)] = _Task(number, worker, time.monotonic())

    def _take(self, now: _Round, reference: Any) -> int | None:  # noqa: ANN401
        """Take a result; what a lost worker was at is handed out again."""
        task = now.at.pop(reference)
        try:
            ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, MemoryError):  # a fresh process on another machine may have room
                ray.kill(task.worker)
                self._lose(now, task, error.cause)
                return None
            self.idle.append(task.worker)
            if isinstance(error.cause, HardnegError):
                raise error.cause from None
            raise
        except RayError as error:
            self._lose(now, task, error)
            return None
        self.idle.append(task.worker)
        now.took.append(time.monotonic() - task.since)
        return None if task.number in now.done else task.number

    def _lose(self, now: _Round, task: _Task, error: Exception) -> None:
        """Have another worker do the block of one that was lost, unless that came too often."""
        self.idle.append(self._hire())
        if task.number in now.done:
            return
        now.lost[task.number] += 1
        if now.lost[task.number] > self.engine.tries:
            raise RunError(
                f"ray: block {task.number} lost its worker {now.lost[task.number]} times, the last time by "
                f"{type(error).__name__}; give each worker more memory (fewer workers a machine) or make blocks "
                "smaller. What is done is kept: the same command goes on"
            ) from error
        now.waiting.appendleft(task.number)

    def _hire(self) -> Any:  # noqa: ANN401 - a handle that Ray makes
        given = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        return (
            ray.remote(BlockWorker)
            .options(
                num_cpus=self.engine.cpus,
                num_gpus=self.engine.gpus,
                resources=dict(self.engine.resources),
                runtime_env={"env_vars": given | paths() | threads(self.engine)},
            )
            .remote()
        )


def paths() -> dict[str, str]:
    """Give workers the modules that this process finds."""
    return {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}


def settings() -> dict[str, str | None]:
    """Give workers what is set here now; None is not set."""
    return {name: os.environ.get(name) for name in _SETTINGS}


def threads(engine: Ray) -> dict[str, str]:
    """Give a worker as many threads as it has processors, since the last bits of a vector depend on them."""
    return dict.fromkeys(_THREADS, str(max(1, int(engine.cpus))))


def _put(work: bytes) -> Any:  # noqa: ANN401 - a handle that Ray makes
    """Put a packed work where all workers can take it from."""
    try:
        return ray.put(work)
    except (ObjectStoreFullError, OutOfDiskError) as error:
        raise RunError(
            f"ray: its object store on this machine has no room for the work ({type(error).__name__}); start Ray "
            "with more (`ray start --object-store-memory BYTES`), or make room on the disk that it spills to"
        ) from error


def _limit(work: Work) -> int | None:
    """Say how many workers may ask the scorers of a work at a time; None if as many as there are."""
    scorers = work.scorers if isinstance(work, Asking) else ()
    return min((each.concurrency for each in scorers if isinstance(each, Limited)), default=None)


def _desk() -> Any:  # noqa: ANN401 - a handle that Ray makes
    """Start the process that has databases open, on this machine; one that dies is started again."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return (
        ray.remote(Desk)
        .options(
            num_cpus=0,
            scheduling_strategy=here,
            max_restarts=-1,
            max_task_retries=-1,
            runtime_env={"env_vars": paths()},
        )
        .remote()
    )


def join(engine: Ray) -> None:
    """Connect to the cluster, unless this process is."""
    if ray.is_initialized():
        return
    _knock(engine.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    alone: dict[str, Any] = {} if engine.address else {"num_cpus": os.cpu_count(), "include_dashboard": False}
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=engine.address or "local", log_to_driver=False, logging_level=logging.ERROR, **alone)
    except (ConnectionError, OSError, ValueError, RuntimeError, RayError) as error:
        raise _no_cluster(engine.address, error) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, terminated)  # Ray has put one of its own there


def _knock(address: str | None) -> None:
    """See whether somebody listens at an address, which Ray itself asks for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str | None, error: Exception) -> RunError:
    return RunError(
        f"ray: no cluster at {address or 'this machine'}: {error}. Start one (`ray start --head`), or name its address"
    )


def room(engine: Ray) -> int:
    """Say how many workers there is room for, or will be."""
    if engine.grows and engine.workers is not None:
        return engine.workers
    asked = {"CPU": engine.cpus, "GPU": engine.gpus, **engine.resources}
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = min(int(there.get(name, 0) / amount + 1e-9) for name, amount in asked.items() if amount)
    if room < 1:
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in asked.items() if amount)
        raise RunError(f"ray: the cluster has no room for a worker of {wanted}; it has {there}")
    return min(room, engine.workers or room)
