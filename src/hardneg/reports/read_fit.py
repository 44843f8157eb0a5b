"""What a report shows of a fit's folder, from its `fit.json`."""

from pathlib import Path

import polars as pl

from hardneg.reports.contents import RaceTable
from hardneg.runs import layout
from hardneg.runs.state import read_state, whole_lines


def read_race(folder: Path) -> RaceTable | None:
    """Read the trainings of a fit; None if its race is not over."""
    state = read_state(folder / layout.FIT, keys=("request", "stages"))
    if "choice" not in state:
        return None
    with whole_lines(folder / layout.FIT):
        rows = [{"round": each["name"], **one} for each in state["rounds"] for one in each["standings"]]
        if not rows:
            return None
        table = pl.DataFrame(rows, schema_overrides={"p_value": pl.Float64}, infer_schema_length=None)
        return RaceTable(table, state["measure"], state["choice"]["strategy"], state["choice"]["reason"])
