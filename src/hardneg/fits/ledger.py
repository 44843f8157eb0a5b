"""What a fit knows so far and what it cost, in one file of its folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardneg.runs import layout
from hardneg.runs.cost import Cost, measured
from hardneg.runs.state import mend_state, read_state, write_state


@dataclass(frozen=True)
class Ledger:
    """The state of a fit, written whenever something is added."""

    path: Path
    state: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, folder: Path) -> "Ledger":
        """Read that of a folder; empty if nothing was begun."""
        path = folder / layout.FIT
        mend_state(path)
        return cls(path, read_state(path, keys=("request", "stages")))

    def save(self, **values: Any) -> None:  # noqa: ANN401 - plain values
        """Add values."""
        self.state.update(values)
        write_state(self.path, self.state)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Do a part and write down what it cost, earlier tries included."""
        costs = {stage: Cost(**figures) for stage, figures in self.state["stages"].items()}
        try:
            with measured(costs, name):
                yield
        finally:
            self.save(stages={stage: cost.as_dict() for stage, cost in costs.items()})

    def spent(self, *names: str) -> float:
        """Add up the seconds of some parts, or of all."""
        stages = self.state["stages"]
        return sum(cost["wall_s"] for name, cost in stages.items() if not names or name in names)
