"""The stages of a piece of work and what they will cost, with the bills of judges."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

import polars as pl

from hardneg.costs.machine import free_gb, memory_gb
from hardneg.endpoints.bill import Bill
from hardneg.engines.ray import SHARD_GB
from hardneg.files import cache_folder
from hardneg.progress import duration

Spread = Literal["over", "on each", "on one"]


@dataclass(frozen=True)
class StageCost:
    """A part of the work, and what it will cost.

    Args:
        name: What is done.
        work: On how much.
        seconds: On one machine like this one.
        memory_gb: Peak memory of its process.
        disk_gb: What it leaves on disk.
        spread: Whether several machines share it, each of them does all of it, or only one does it.
    """

    name: str
    work: str
    seconds: float
    memory_gb: float
    disk_gb: float = 0.0
    spread: Spread = "over"


@dataclass(frozen=True, repr=False)
class Estimate:
    """What the work will cost.

    Args:
        stages: In the order in which they are done.
        bills: What judges and embedding APIs will be asked.
        about: What was tried, for people.
        work: What will be done, by name.
        vectors_gb: Vectors of documents that are searched.
    """

    stages: tuple[StageCost, ...]
    bills: tuple[Bill, ...] = ()
    about: str = ""
    work: Mapping[str, Any] = field(default_factory=dict)
    vectors_gb: float = 0.0

    def __str__(self) -> str:
        rows = self.cells()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)) for row in rows]
        table = [f"{row[0]:<{widths[0]}}  {line}" for row, line in zip(rows, lines, strict=True)]
        return "\n".join([*table, *map(str, self.bills)])

    __repr__ = __str__

    @property
    def memory_gb(self) -> float:
        """Memory that a machine needs."""
        return max(stage.memory_gb for stage in self.stages)

    @property
    def disk_gb(self) -> float:
        """Disk that all of it takes."""
        return sum(stage.disk_gb for stage in self.stages)

    def seconds(self, machines: int = 1) -> float:
        """Sum up the time.

        Args:
            machines: How many like this one share the work, at least 1.

        Returns:
            Seconds from the beginning to the end.
        """
        return sum(stage.seconds / (machines if stage.spread == "over" else 1) for stage in self.stages)

    def machines(self, hours: float) -> int | None:
        """Count the machines like this one that are done in time.

        Args:
            hours: The time.

        Returns:
            How many; None if no number of them is: what each of them or only one of them can do takes longer.
        """
        shared = sum(stage.seconds for stage in self.stages if stage.spread == "over")
        left = hours * 3600 - (self.seconds() - shared)
        return max(1, math.ceil(shared / left)) if left > 0 else None

    def frame(self) -> pl.DataFrame:
        """One row a stage: `name`, `work`, `seconds`, `memory_gb`, `disk_gb`, `spread`."""
        return pl.DataFrame([asdict(stage) for stage in self.stages])

    def cells(self) -> list[tuple[str, ...]]:
        """Lay the stages out as a table for people, with its head and the sums."""
        sums = ("all", "", duration(self.seconds()), gigabytes(self.memory_gb), gigabytes(self.disk_gb))
        return [("stage", "work", "time", "memory", "disk"), *map(_cells, self.stages), sums]

    def remarks(self, hours: float | None = None) -> list[str]:
        """Say what was tried, what judges will be asked, how many machines it takes, and what this one lacks."""
        lines = [f"From short trials on this machine, with {self.about}.", *map(str, self.bills)]
        lines += [] if hours is None else [self._machines(hours)]
        lines += [] if hours is None or not self.vectors_gb else [self._search()]
        if self.memory_gb > memory_gb():
            lines.append(f"This machine has {gigabytes(memory_gb())} of memory, less than that.")
        if self.disk_gb > (free := free_gb(cache_folder())):
            lines.append(f"{cache_folder()} has {gigabytes(free)} left, less than that.")
        return lines

    def _machines(self, hours: float) -> str:
        machines, alone = self.machines(hours), [stage for stage in self.stages if stage.spread != "over"]
        names = ", ".join(stage.name for stage in alone)
        if machines is None:
            taken = duration(sum(stage.seconds for stage in alone))
            return f"No number of machines takes {duration(hours * 3600)}: {names} take {taken}, and cannot be shared."
        count = "1 machine takes" if machines == 1 else f"{machines:,} machines take"
        return f"{count} {duration(self.seconds(machines))}; they share all but: {names}."

    def _search(self) -> str:
        """Say how vectors are searched on several machines."""
        shards = math.ceil(self.vectors_gb / SHARD_GB)
        if shards == 1:
            return f"With --engine ray, each worker maps all {gigabytes(self.vectors_gb)} of vectors."
        return (
            f"With --engine ray, the {gigabytes(self.vectors_gb)} of vectors are searched in {shards:,} shards, each "
            f"by a worker that holds no others; --shard-gb says up to which size a worker maps them all ({SHARD_GB:g})."
        )

    def as_dict(self) -> dict[str, Any]:
        """Give the stages and the sums by name."""
        stages = [asdict(stage) for stage in self.stages]
        sums = {"seconds": self.seconds(), "memory_gb": self.memory_gb, "disk_gb": self.disk_gb}
        return {
            "work": dict(self.work),
            "texts": self.about,
            "stages": stages,
            **sums,
            "bills": [asdict(cast("Any", bill)) for bill in self.bills],
        }


def gigabytes(size: float) -> str:
    """Write a size for people."""
    return f"{size:,.2f} GB" if size < 10 else f"{size:,.0f} GB"


def _cells(stage: StageCost) -> tuple[str, ...]:
    memory, disk = (gigabytes(size) if size else "" for size in (stage.memory_gb, stage.disk_gb))
    return (stage.name, stage.work, duration(stage.seconds), memory, disk)
