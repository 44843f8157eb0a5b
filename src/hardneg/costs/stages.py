"""The stages of a piece of work, and what they cost in all."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

Spread = Literal["over", "on each", "on one"]


@dataclass(frozen=True)
class Stage:
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


@dataclass(frozen=True)
class Forecast:
    """What the work will cost.

    Args:
        stages: In the order in which they are done.
    """

    stages: tuple[Stage, ...]

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

    def as_dict(self) -> dict[str, Any]:
        """Give the stages and the sums by name."""
        stages = [asdict(stage) for stage in self.stages]
        return {"stages": stages, "seconds": self.seconds(), "memory_gb": self.memory_gb, "disk_gb": self.disk_gb}
