"""The stages of a piece of work and what they will cost, on one machine and on several, with the bills of judges."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

import polars as pl

from hardneg.costs.indexes import Cheaper
from hardneg.costs.machine import free_gb, memory_gb
from hardneg.costs.moving import Machines, Moving
from hardneg.endpoints.bill import Bill
from hardneg.engines.ray import SHARD_GB
from hardneg.files import cache_folder
from hardneg.progress import duration

Spread = Literal["over", "on each", "on one"]

_MOST = 2**24  # machines that are thought of


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
        most: Machines that can share it; None for any number.
    """

    name: str
    work: str
    seconds: float
    memory_gb: float
    disk_gb: float = 0.0
    spread: Spread = "over"
    most: int | None = None

    def on(self, machines: int) -> float:
        """Say how many seconds it takes on several machines."""
        return self.seconds / (min(machines, self.most or machines) if self.spread == "over" else 1)


@dataclass(frozen=True, repr=False)
class Estimate:
    """What the work will cost.

    Args:
        stages: In the order in which they are done.
        bills: What judges and embedding APIs will be asked.
        about: What was tried, for people.
        work: What will be done, by name.
        vectors_gb: Vectors of documents that are searched.
        rows: Rows that a search of them finds: queries times depth.
        index: The approximate index that is cheaper from some number of documents on; None where that was not tried.
    """

    stages: tuple[StageCost, ...]
    bills: tuple[Bill, ...] = ()
    about: str = ""
    work: Mapping[str, Any] = field(default_factory=dict)
    vectors_gb: float = 0.0
    rows: int = 0
    index: Cheaper | None = None

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

    @property
    def moving(self) -> Moving:
        """What machines share."""
        texts_gb = sum(stage.disk_gb for stage in self.stages if stage.spread == "on each")
        return Moving(texts_gb, self.vectors_gb, self.rows, self.disk_gb - texts_gb)

    def seconds(self, machines: int = 1, *, network_gbps: float | None = None) -> float:
        """Sum up the time.

        Args:
            machines: How many like this one share the work, at least 1.
            network_gbps: Gigabits a second between all of them and what they share; None where that is no limit.

        Returns:
            Seconds from the beginning to the end.
        """
        return sum(stage.on(machines) for stage in self.stages) + self.moving.seconds(machines, network_gbps)

    def machines(self, hours: float, *, network_gbps: float | None = None) -> int | None:
        """Count the machines like this one that are done in time: the fewest, which are the cheapest.

        Args:
            hours: The time.
            network_gbps: Gigabits a second between all of them and what they share; None where that is no limit.

        Returns:
            How many; None if no number of them is: what each of them or only one of them can do, or the network, takes
            longer.
        """

        def taken(machines: int) -> float:
            return self.seconds(machines, network_gbps=network_gbps)

        # More are faster up to some number, and from there on slower, since each of them brings the texts to itself.
        fastest = _first(lambda count: taken(count + 1) > taken(count))
        if taken(fastest) > hours * 3600:
            return None
        return _first(lambda count: count >= fastest or taken(count) <= hours * 3600)

    def together(self, count: int, network_gbps: float | None, price_hour: float | None) -> Machines:
        """Name machines that share the work."""
        return Machines(count, network_gbps, price_hour)

    def price(self, machines: Machines) -> float | None:
        """Say what machines cost for as long as the work takes; None without a price."""
        taken = self.seconds(machines.count, network_gbps=machines.network_gbps)
        return None if machines.price_hour is None else machines.count * machines.price_hour * taken / 3600

    def frame(self) -> pl.DataFrame:
        """One row a stage: `name`, `work`, `seconds`, `memory_gb`, `disk_gb`, `spread`."""
        return pl.DataFrame([asdict(stage) for stage in self.stages])

    def cells(self, machines: Machines | None = None) -> list[tuple[str, ...]]:
        """Lay the stages out as a table for people, with its head and the sums."""
        sums = ("all", "", duration(self.seconds()), gigabytes(self.memory_gb), gigabytes(self.disk_gb))
        rows = [("stage", "work", "time", "memory", "disk"), *map(_cells, self.stages), sums]
        if machines is None or machines.count == 1:
            return rows
        count, gbps = machines.count, machines.network_gbps
        network_s, moved = self.moving.seconds(count, gbps), sum(self.moving.gb(count).values())
        if network_s:
            rows.insert(-1, ("move between them", gigabytes(moved), "", "", ""))
        times = [*(stage.on(count) for stage in self.stages), *([network_s] if network_s else [])]
        together = [f"on {count:,}", *map(duration, [*times, self.seconds(count, network_gbps=gbps)])]
        return [(*row[:3], time, *row[3:]) for row, time in zip(rows, together, strict=True)]

    def remarks(self, hours: float | None = None, machines: Machines | None = None) -> list[str]:
        """Say what was tried, what judges will be asked, how many machines it takes, and what this one lacks."""
        lines = [f"From short trials on this machine, with {self.about}.", *map(str, self.bills)]
        lines += [] if hours is None and machines is None else [self._together(hours, machines)]
        if machines is not None:
            lines += self._moved(machines)
            if (price := self.price(machines)) is not None and (alone := self.price(replace(machines, count=1))):
                others = "" if machines.count == 1 else f"; on one machine {alone:,.2f}"
                lines.append(f"At {machines.price_hour:g} an hour each that is {price:,.2f}{others}.")
        lines += [] if (hours is None and machines is None) or not self.vectors_gb else [self._search()]
        lines += [] if self.index is None else [str(self.index)]
        if self.memory_gb > memory_gb():
            lines.append(f"This machine has {gigabytes(memory_gb())} of memory, less than that.")
        if self.disk_gb > (free := free_gb(cache_folder())):
            lines.append(f"{cache_folder()} has {gigabytes(free)} left, less than that.")
        return lines

    def _together(self, hours: float | None, machines: Machines | None) -> str:
        alone = [stage for stage in self.stages if stage.spread != "over"]
        names = ", ".join(stage.name for stage in alone)
        if machines is None:
            taken, wanted = duration(sum(stage.seconds for stage in alone)), duration((hours or 0) * 3600)
            return (
                f"No number of machines takes {wanted}: {names} take {taken} and cannot be shared, and more machines "
                "move more."
            )
        taken = duration(self.seconds(machines.count, network_gbps=machines.network_gbps))
        if machines.count == 1:
            return f"1 machine takes {taken}."
        return f"{machines.count:,} machines take {taken}; they share all but: {names}."

    def _moved(self, machines: Machines) -> list[str]:
        moved = self.moving.gb(machines.count)
        if not moved or machines.network_gbps is None:
            return []
        parts = ", ".join(f"{name} {gigabytes(size)}" for name, size in moved.items())
        taken, whole = self.moving.seconds(machines.count, machines.network_gbps), sum(moved.values())
        return [f"Between them move {gigabytes(whole)}, in {duration(taken)}: {parts}."]

    def _search(self) -> str:
        """Say how vectors are searched on several machines."""
        shards = self.moving.shards
        if shards == 1:
            return f"With --engine ray, each worker maps all {gigabytes(self.vectors_gb)} of vectors."
        return (
            f"With --engine ray, the {gigabytes(self.vectors_gb)} of vectors are searched in {shards:,} shards, each "
            f"by a worker that holds no others; --shard-gb says up to which size a worker maps them all ({SHARD_GB:g})."
        )

    def on_machines(self, machines: Machines) -> dict[str, Any]:
        """Give what several machines take by name."""
        count, gbps = machines.count, machines.network_gbps
        return {
            "machines": count,
            "machines_seconds": self.seconds(count, network_gbps=gbps),
            "network_gbps": gbps,
            "network_seconds": self.moving.seconds(count, gbps),
            "moved_gb": self.moving.gb(count),
            "price_hour": machines.price_hour,
            "price": self.price(machines),
        }

    def as_dict(self) -> dict[str, Any]:
        """Give the stages and the sums by name."""
        stages = [asdict(stage) for stage in self.stages]
        sums = {"seconds": self.seconds(), "memory_gb": self.memory_gb, "disk_gb": self.disk_gb}
        return {
            "work": dict(self.work),
            "texts": self.about,
            "stages": stages,
            **sums,
            "index": None if self.index is None else asdict(self.index),
            "bills": [asdict(cast("Any", bill)) for bill in self.bills],
        }


def gigabytes(size: float) -> str:
    """Write a size for people."""
    return f"{size:,.2f} GB" if size < 10 else f"{size:,.0f} GB"


def _first(holds: Callable[[int], bool]) -> int:
    """Find the first number, from 1 on, of which something holds that holds of all above; `_MOST` if of none below."""
    high = 1
    while high < _MOST and not holds(high):
        high *= 2
    low = high // 2  # it does not hold of that
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _cells(stage: StageCost) -> tuple[str, ...]:
    memory, disk = (gigabytes(size) if size else "" for size in (stage.memory_gb, stage.disk_gb))
    return (stage.name, stage.work, duration(stage.seconds), memory, disk)
