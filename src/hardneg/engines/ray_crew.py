"""Handing out blocks to workers of a Ray cluster, of which any may be lost at any time."""

import logging
import os
import socket
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from hardneg.engines.protocol import Work
from hardneg.engines.ray import Ray
from hardneg.errors import HardnegError, RunError

# What workers take from the process that asks; a worker's processors are the threads of everything in it.
_HANDED_ON = ("HARDNEG_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_OFFLINE")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
_LOOK_S = 1.0
_KNOCK_S = 10.0
_SLOW = 2.0  # times the usual time of a block, after which an idle worker does it too


class BlockWorker:
    """A process of the cluster that has the work and does blocks of it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def do(self, number: int) -> None:
        """Do one block."""
        self._work.do(number)


@dataclass(eq=False)
class _Task:
    """A block that a worker is at."""

    number: int
    worker: Any
    since: float


@dataclass(eq=False)
class Crew:
    """Workers, and what each is at."""

    engine: Ray
    work: Any  # in the object store of the cluster
    idle: list[Any] = field(default_factory=list)
    at: dict[Any, _Task] = field(default_factory=dict)
    lost: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    @classmethod
    def hired(cls, engine: Ray, work: Work, n_blocks: int) -> "Crew":
        """Join the cluster and start workers."""
        _join(engine)
        crew = cls(engine, ray.put(work))
        crew.idle = [crew._hire() for _ in range(min(_room(engine), n_blocks))]
        return crew

    def each(self, numbers: Sequence[int]) -> Iterator[int]:
        """Do blocks, and give the number of each when it is done."""
        waiting, done = deque(numbers), set[int]()
        try:
            while len(done) < len(numbers):
                self._hand_out(waiting, done)
                ready, _ = ray.wait(list(self.at), num_returns=1, timeout=_LOOK_S)
                for reference in ready:
                    number = self._take(reference, waiting, done)
                    if number is not None:
                        done.add(number)
                        yield number
        finally:
            for worker in [*self.idle, *(task.worker for task in self.at.values())]:
                ray.kill(worker)

    def _hand_out(self, waiting: deque[int], done: set[int]) -> None:
        while self.idle:
            number = waiting.popleft() if waiting else self._slow(done)
            if number is None:
                return
            worker = self.idle.pop()
            self.at[worker.do.remote(number)] = _Task(number, worker, time.monotonic())

    def _slow(self, done: set[int]) -> int | None:
        """Name a block that takes far longer than the others did, and that one worker alone is at."""
        if not self.took:
            return None
        late = time.monotonic() - max(_SLOW * statistics.median(self.took), _LOOK_S)
        several = Counter(task.number for task in self.at.values())
        since = {task.number: task.since for task in self.at.values() if task.number not in done}
        slow = [number for number, begun in since.items() if begun < late and several[number] == 1]
        return min(slow, key=since.__getitem__, default=None)

    def _take(self, reference: Any, waiting: deque[int], done: set[int]) -> int | None:  # noqa: ANN401
        """Take a result; what a lost worker was at is handed out again."""
        task = self.at.pop(reference)
        try:
            ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, HardnegError):
                raise error.cause from None
            raise
        except RayError as error:
            self.idle.append(self._hire())
            if task.number in done:
                return None
            self.lost[task.number] += 1
            if self.lost[task.number] > self.engine.tries:
                raise RunError(
                    f"ray: block {task.number} lost its worker {self.lost[task.number]} times, the last time by "
                    f"{type(error).__name__}; give each worker more memory (fewer workers a machine) or make blocks "
                    "smaller. What is done is kept: the same command goes on"
                ) from error
            waiting.appendleft(task.number)
            return None
        self.idle.append(task.worker)
        self.took.append(time.monotonic() - task.since)
        return None if task.number in done else task.number

    def _hire(self) -> Any:  # noqa: ANN401 - a handle that Ray makes
        threads = str(max(1, int(self.engine.cpus)))
        given = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
        paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        return (
            ray.remote(BlockWorker)
            .options(
                num_cpus=self.engine.cpus,
                num_gpus=self.engine.gpus,
                resources=dict(self.engine.resources),
                runtime_env={"env_vars": given | paths | dict.fromkeys(_THREADS, threads)},
            )
            .remote(self.work)
        )


def _join(engine: Ray) -> None:
    """Connect to the cluster, unless this process is."""
    if ray.is_initialized():
        return
    _knock(engine.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    alone: dict[str, Any] = {} if engine.address else {"num_cpus": os.cpu_count(), "include_dashboard": False}
    try:
        ray.init(address=engine.address or "local", log_to_driver=False, logging_level=logging.ERROR, **alone)
    except (ConnectionError, OSError, ValueError, RuntimeError, RayError) as error:
        raise _no_cluster(engine.address, error) from error


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


def _room(engine: Ray) -> int:
    """Say how many workers there is room for."""
    asked = {"CPU": engine.cpus, "GPU": engine.gpus, **engine.resources}
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = min(int(there.get(name, 0) / amount + 1e-9) for name, amount in asked.items() if amount)
    if room < 1:
        wanted = ", ".join(f"{amount:g} {name}" for name, amount in asked.items() if amount)
        raise RunError(f"ray: the cluster has no room for a worker of {wanted}; it has {there}")
    return min(room, engine.workers or room)
