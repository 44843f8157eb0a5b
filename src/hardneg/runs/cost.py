"""What each stage of a run cost: wall time and peak memory."""

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hardneg.runs.layout import StageKey

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Cost:
    """Cost of one stage."""

    wall_s: float
    peak_gb: float  # of this process, where the system can forget earlier peaks; else since it began

    def as_dict(self) -> dict[str, float]:
        """Give the figures by name, rounded to what they can mean."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


@contextmanager
def measured(costs: dict[str, Cost], stage: str) -> Iterator[None]:
    """Record the cost of the block under `stage`, added to what an earlier, interrupted try cost."""
    _restart_peak()
    started = time.perf_counter()
    try:
        yield
    finally:
        before = costs.get(stage, Cost(0.0, 0.0))
        wall_s = before.wall_s + time.perf_counter() - started
        costs[stage] = Cost(wall_s, max(before.peak_gb, _peak_gb()))


def _restart_peak() -> None:
    with suppress(OSError):
        _CLEAR.write_text("5")  # sets VmHWM back to what is used now


def _peak_gb() -> float:
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def row_cost(row: str, stages: Mapping[str, Mapping[str, float]], chain: Sequence[str]) -> Cost:
    """Add up what a row needed: for a trained model, mining, its teachers and training up to it, and measuring."""
    upto = chain[: chain.index(row) + 1] if row in chain else [row]
    costs = []
    for stage, cost in stages.items():
        key = StageKey.parse(stage)
        made = key.of.row in upto or (not key.of.row and row in chain)
        counts = {"mine": made, "score": made, "evaluate": key.of.row == row}
        counts["train"] = key.of.row in upto or key.of.row.startswith(f"{row}.")
        costs += [cost] if counts.get(key.verb, False) else []
    return Cost(sum(cost["wall_s"] for cost in costs), max((cost["peak_gb"] for cost in costs), default=0.0))
