"""What each stage cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from hardneg.reports.svg import fitting, number, picture, rect, text

_ROW = 38


@dataclass(frozen=True, eq=False)
class Costs:
    """Wall time and peak memory of the stages of a run."""

    stages: Mapping[str, Mapping[str, float]]
    machine: str = ""

    key = "costs"
    title = "What each stage cost"

    @property
    def lead(self) -> str:
        """The sums."""
        wall = sum(stage["wall_s"] for stage in self.stages.values())
        peak = max((stage["peak_gb"] for stage in self.stages.values()), default=0.0)
        return (
            f"{duration(wall)} in all, at most {peak:.2f} GB of memory{f', on {self.machine}' if self.machine else ''}."
        )

    def frame(self) -> pl.DataFrame:
        """One row a stage: `stage`, `wall_s`, `peak_gb`."""
        schema = {"stage": pl.String, "wall_s": pl.Float64, "peak_gb": pl.Float64}
        rows = [(name, cost["wall_s"], cost["peak_gb"]) for name, cost in self.stages.items()]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def svg(self, width: int) -> Markup:
        """A bar for the time of each stage."""
        top = max((stage["wall_s"] for stage in self.stages.values()), default=0.0) or 1.0
        parts, y = list[Markup](), 0.0
        for name, cost in self.stages.items():
            said = f"{duration(cost['wall_s'])} · {cost['peak_gb']:.2f} GB"
            parts += [text(0, y + 14, fitting(name, width - 130)), text(width, y + 14, said, "value", anchor="end")]
            parts += [rect(0, y + 20, width, 8, "track"), rect(0, y + 20, width * cost["wall_s"] / top, 8, "kept")]
            y += _ROW
        return picture(width, y, parts, title=self.title, description=self.lead)


def duration(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 120:
        return f"{number(seconds, 1 if seconds < 10 else 0)} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
