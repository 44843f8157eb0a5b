"""Whether figures follow from the values of queries, and those from the rankings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hardneg.evaluation.metrics import measure
from hardneg.evaluation.trec import read_qrels, read_run
from hardneg.runs import layout
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked


def check_measured(place: Path, *, where: str) -> Iterator[Checked]:
    """Check one evaluation."""
    metrics = read_state(place / layout.METRICS, keys=("metrics",))["metrics"]
    table = read_table(place / layout.PER_QUERY)
    off = [name for name, figure in metrics.items() if not _is_mean(table[name].to_numpy(), figure["value"])]
    if off:
        yield Checked("metrics", where, "wrong", f"{', '.join(off)} are not the means of {layout.PER_QUERY}")
    else:
        yield Checked("metrics", where, "fine", f"{len(metrics)} means of {table.height:,} queries")
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


def _is_mean(values: np.ndarray, mean: float) -> bool:
    return bool(np.isclose(values.mean(), mean, rtol=0, atol=1e-12))


def _differ(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape != other.shape or not np.allclose(one, other, rtol=0, atol=1e-12)
