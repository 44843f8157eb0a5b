"""A Ray cluster: workers on its machines pull blocks, and write what they made themselves."""

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hardneg.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from hardneg.engines.protocol import Work


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

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise RecipeError(f"ray: workers must be at least 1, not {self.workers}")
        if not self.cpus > 0 or self.gpus < 0 or self.tries < 0:
            raise RecipeError(
                f"ray: cpus must be above 0, gpus and tries not below, not {self.cpus}, {self.gpus}, {self.tries}"
            )
        if importlib.util.find_spec("ray") is None:
            raise MissingExtraError("ray", extra="ray", purpose="work on a cluster")

    def each(self, work: "Work", numbers: Sequence[int]) -> Iterator[int]:
        """Do the blocks by the workers of the cluster; numbers come as their blocks are done."""
        if not len(numbers):
            return iter(())
        _bring_token()
        from hardneg.engines.ray_crew import Crew

        return Crew.hired(self, work, len(numbers)).each(numbers)


def _bring_token() -> None:
    """Show a cluster the token that it asks for, if there is one here; Ray itself does where the address is "auto".

    Ray reads the variable when it is imported.
    """
    there = (os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH"))
    if any(there) or (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
