"""Whether figures follow from the values of queries, and those from the rankings."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hardneg.evaluation.metrics import measure
from hardneg.evaluation.significance import mean_interval
from hardneg.evaluation.trec import read_qrels, read_run
from hardneg.runs import layout
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked


def check_measured(place: Path, *, where: str) -> Iterator[Checked]:
    """Check one evaluation."""
    metrics = read_state(place / layout.METRICS, keys=("metrics",))["metrics"]
    table = read_table(place / layout.PER_QUERY)
    off = [name for name, figure in metrics.items() if not _follows(table[name].to_numpy(), figure)]
    if off:
        yield Checked("metrics", where, "wrong", f"{', '.join(off)} do not follow from {layout.PER_QUERY}")
    else:
        detail = f"{len(metrics)} means of {table.height:,} queries, and their intervals"
        yield Checked("metrics", where, "fine", detail)
    rankings, qrels = place / layout.RANKINGS, place / layout.QRELS
    if not (rankings.exists() and qrels.exists()):
        yield Checked("rankings", where, "not checked", "they were not kept")
        return
    again = measure(read_qrels(qrels), read_run(rankings), names=list(metrics))
    other = [name for name in metrics if _differ(again[name].to_numpy(), table.sort("query_id")[name].to_numpy())]
    if other:
        yield Checked("rankings", where, "wrong", f"{', '.join(other)} of queries do not follow from the rankings")
    else:
        yield Checked("rankings", where, "fine", "the values of all queries follow from rankings and labels")


def _follows(values: np.ndarray, figure: Mapping[str, Any]) -> bool:
    """Say whether a mean, its interval and the number of queries are those of some values."""
    again = {"value": values.mean(), "n": len(values)} | dict(
        zip(("low", "high"), mean_interval(values, seed=0), strict=True)
    )
    return all(bool(np.isclose(again[key], figure[key], rtol=0, atol=1e-12)) for key in again if key in figure)


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=1e-12)
