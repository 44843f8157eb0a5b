"""What a report shows of a ladder's folder, from its `ladder.json`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.pipeline.state import read_state, whole_lines

if TYPE_CHECKING:
    from hardneg.report.contents import Ladder


def read_ladder(folder: Path) -> "Ladder | None":
    """Read what `hardneg ladder` found: each rung on the test queries, or on the development queries before that.

    Args:
        folder: Any.

    Returns:
        The ladder; None if the folder holds none.

    Raises:
        RunError: `ladder.json` is damaged.
    """
    from hardneg.report.contents import Ladder

    found = read_state(folder / "ladder.json", keys=("measure", "rungs", "comparisons"))
    if not found:
        return None
    measure = found["measure"]
    with whole_lines(folder / "ladder.json"):
        rungs = [_rung(rung, measure) for rung in found["rungs"]]
        pairs = [
            {"name": f"{one['after']} against {one['before']}", "value": one["difference"]}
            | {key: one.get(key) for key in ("low", "high", "p_value", "p_corrected", "wins", "ties", "losses")}
            for one in found["comparisons"]
        ]
    ends = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return Ladder(
        pl.DataFrame(rungs, schema_overrides=ends, infer_schema_length=None),
        pl.DataFrame(pairs, schema_overrides=ends, infer_schema_length=None),
        measure,
        found.get("best_on_dev"),
    )


def _rung(rung: Mapping[str, Any], measure: str) -> dict[str, Any]:
    split = "test" if rung.get("test") else "dev"
    figure = (rung.get(split) or {}).get(measure, {})
    cost = rung.get("cost", {})
    return {
        "name": rung["name"],
        **{key: figure.get(key) for key in ("value", "low", "high", "sd", "n")},
        "split": split if figure else None,
        "state": rung.get("state"),
        "seconds": cost.get("seconds"),
        "peak_gb": cost.get("peak_gb"),
    }


def read_ladder_facts(folder: Path) -> list[tuple[str, str]]:
    """Read what a ladder was climbed with, for the line of facts at the top of a page.

    Args:
        folder: The ladder's.

    Returns:
        Pairs of a name and a value; what `ladder.json` does not say is left out, and so are steps that differ by rung.

    Raises:
        RunError: `ladder.json` is damaged.
    """
    found = read_state(folder / "ladder.json", keys=("rungs",))
    counts = found.get("dataset", {})
    steps = {number for rung in found["rungs"] for number in rung.get("steps", {}).values()}
    said = {
        "dataset": counts.get("name"),
        "model": found.get("model"),
        "documents": counts.get("documents"),
        "training pairs": counts.get("train_pairs"),
        "test queries": counts.get("test_queries"),
        "seeds": ", ".join(map(str, found.get("seeds", ()))),
        "steps": steps.pop() if len(steps) == 1 else None,
        "hardneg": found.get("versions", {}).get("hardneg"),
        "machine": found.get("machine"),
    }
    return [(name, f"{value:,}" if isinstance(value, int) else value) for name, value in said.items() if value]
