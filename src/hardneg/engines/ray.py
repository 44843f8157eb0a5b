"""A Ray cluster: workers on its machines pull blocks, and write what they made themselves."""

import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hardneg.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from hardneg.engines.protocol import Work
    from hardneg.engines.ray_crew import Crew

SHARD_GB = 8.0


@dataclass(frozen=True)
class Ray:
    """A Ray cluster, or one on this machine alone where no address is given.

    The process that asks only hands out numbers of blocks: its end loses nothing that was done. A block whose worker,
    or whose machine, was lost is done again by another; at the end of the work an idle worker does the block of a slow
    one as well, and the first result counts. What is shared must be where all machines see it under one path: the
    folder of the run, and that of `HARDNEG_CACHE`.

    Args:
        address: The cluster: "auto" for the one that this machine is part of, "HOST:6379", "ray://HOST:10001". None
            starts one here and ends it with the process.
        workers: Processes that work; None takes as many as the cluster has room for.
        cpus: Processors of each worker, which are its threads too; above 0.
        gpus: Accelerators of each worker, from 0; a half lets two workers share one.
        resources: Other resources of each worker, by name, as machines were started with.
        grows: Whether the cluster starts machines when there is more to do than room: all `workers` are asked for at
            once, and begin as machines come.
        shard_gb: Vectors, or texts of an index, that a worker holds at most, in 10^9 bytes: more are searched in shards
            of at most so many, each kept by a worker, and what these find is merged exactly. Above 0.
        tries: How often a block is begun anew after a worker was lost, before all is given up; from 0.

    Raises:
        RecipeError: A value is out of range.
        MissingExtraError: Ray is not installed.
        RunError: The cluster cannot be reached, has no room for a worker, or lost a block's workers too often.
    """

    address: str | None = None
    workers: int | None = None
    cpus: float = 1
    gpus: float = 0
    resources: Mapping[str, float] = field(default_factory=dict)
    tries: int = 3
    grows: bool = False
    shard_gb: float = SHARD_GB

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise RecipeError(f"ray: workers must be at least 1, not {self.workers}")
        if not self.cpus > 0 or self.gpus < 0 or self.tries < 0:
            raise RecipeError(
                f"ray: cpus must be above 0, gpus and tries not below, not {self.cpus}, {self.gpus}, {self.tries}"
            )
        if self.grows and self.workers is None:
            raise RecipeError("ray: a cluster that grows has room for any number of workers; say how many with workers")
        if not self.shard_gb > 0:
            raise RecipeError(f"ray: shard_gb is {self.shard_gb}; set it above 0, say 8")
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("ray", extra="ray", purpose="work on a cluster")

    def each(self, work: "Work", numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks by the workers of the cluster; numbers come as their blocks are done."""
        if not len(numbers):
            return
        bring_token()
        from hardneg.engines.ray_crew import Crew

        kept = _kept.get(repr(self))
        crew = Crew.joined(self) if kept is None or kept.crew is None else kept.crew
        if kept is not None:
            kept.crew = crew
        try:
            yield from crew.each(work, numbers)
        finally:
            if kept is None:
                crew.dismiss()

    def together(self, function: Callable[[], Any], folder: Path) -> None:
        """Call a function in each of a group of processes that train one model, by Ray Train."""
        bring_token()
        if not all(map(importlib.util.find_spec, ("pandas", "pyarrow", "requests", "torch"))):
            raise MissingExtraError("ray[train]", extra="train,ray", purpose="train on a cluster")
        from hardneg.engines.ray_train import call_together

        call_together(self, function, folder)

    def __enter__(self) -> Self:
        """Keep workers from one work to the next; the first hires them."""
        _kept.setdefault(repr(self), _Kept()).times += 1
        return self

    def __exit__(self, *_: object) -> None:
        """Let the workers go, unless an outer block keeps them."""
        kept = _kept[repr(self)]
        kept.times -= 1
        if not kept.times:
            del _kept[repr(self)]
            if kept.crew is not None:
                kept.crew.dismiss()


@dataclass
class _Kept:
    """Workers that are kept, and how many blocks of the program ask for it."""

    times: int = 0
    crew: "Crew | None" = None


_kept: dict[str, _Kept] = {}  # by engine


def bring_token() -> None:
    """Show a cluster the token that it asks for, if there is one here; Ray itself does where the address is "auto".

    Ray reads the variable when it is imported.
    """
    there = (os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH"))
    if any(there) or (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
