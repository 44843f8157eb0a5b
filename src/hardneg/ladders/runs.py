"""Finished runs, compared as the rungs of a ladder are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.errors import RunError
from hardneg.evaluation.metrics import primary_of
from hardneg.evaluation.significance import Row, compare
from hardneg.files import write_json
from hardneg.ladders.results import LEVEL, RungCost, compared, write_per_query
from hardneg.runs import layout
from hardneg.runs.layout import Seeded, StageKey
from hardneg.runs.lock import writing
from hardneg.runs.parts import read_table, readable
from hardneg.runs.state import read_state, whole_lines

_MADE = ("mine", "score", "train")
_DATA = ("texts", "labels")


@dataclass(frozen=True)
class Run:
    """A finished run."""

    path: Path
    row: Row
    cost: RungCost
    fingerprint: str | None
    data: dict[str, str]
    settings: tuple[str, int, str]


def read_run(path: Path, *, name: str) -> Run:
    """Read what the last model of a run measured."""
    with readable(path), whole_lines(path):
        return _run(path, name=name)


def _run(path: Path, *, name: str) -> Run:
    manifest = read_state(path / layout.MANIFEST, keys=("stages",))
    chain = manifest.get("chain", [])
    folders = _evaluations(path, chain)
    if not folders:
        raise RunError(
            f"{path} holds no finished run: name the folder of `hardneg run`, of a ladder's rung (rungs/NAME in it), "
            "or of `hardneg evaluate --out`"
        )
    measured = [read_state(folder / layout.METRICS, keys=("split", "depth")) for folder in folders]
    pinned, by = manifest.get("fingerprints", {}), primary_of(measured[0])
    return Run(
        path=path,
        row=Row(name, [_per_query(folder, by) for folder in folders], by),
        cost=_cost(manifest.get("stages", {}), chain, n_seeds=len(folders)),
        fingerprint=pinned.get("dataset"),
        data={name: pinned[name] for name in _DATA if name in pinned} or measured[0].get("data", {}),
        settings=(measured[0]["split"], measured[0]["depth"], measured[0].get("excluded", {}).get("rule", "none")),
    )


def _per_query(folder: Path, measure: str) -> pl.DataFrame:
    """Read each query's measures."""
    table = read_table(folder / layout.PER_QUERY)
    kinds = dict(table.schema)
    if (
        kinds.pop("query_id", None) != pl.String
        or measure not in kinds
        or not all(kind.is_numeric() for kind in kinds.values())
    ):
        raise RunError(
            f"{folder / layout.PER_QUERY} does not hold query_id and {measure} of each query, so hardneg did not write "
            "it; measure again"
        )
    return table


def compare_runs(
    paths: Sequence[Path],
    *,
    out: Path | None = None,
    measure: str | None = None,
    seed: int = 0,
    allow_other_data: bool = False,
) -> dict[str, Any]:
    """Compare finished runs by a measure, if None that by which they were judged: each with the last, and the first."""
    if len({path.resolve() for path in paths}) < len(paths) or len(paths) < 2:
        raise RunError("compare: name two runs or more, each once")
    runs = [read_run(path, name=name) for path, name in zip(paths, _names(paths), strict=True)]
    _check_alike(runs, allow_other_data=allow_other_data)
    measure = measure or runs[0].row.measure
    runs = [replace(run, row=replace(run.row, measure=measure)) for run in runs]
    comparisons = compared([run.row for run in runs], base=runs[0].row.name, seed=seed)
    split, *_ = runs[0].settings
    report: dict[str, Any] = {
        "format": 1,
        "kind": "comparison",
        "folder": None if out is None else str(out),
        "measure": measure,
        "dataset": {
            "name": split,
            "fingerprint": runs[0].fingerprint,
            "test_queries": runs[0].row.per_query.height,
            "shared_queries": {},
        },
        "seed": seed,
        "seeds": [],
        "left_out": {},
        "rungs": [_entry(run, runs[0], seed=seed) for run in runs],
        "comparisons": comparisons,
        "correction": {"method": "holm", "n": len(comparisons), "level": LEVEL},
        "best_on_dev": None,
    }
    if out is not None:
        with writing(out):
            write_per_query(out, [(run.settings[0], run.row, _numbers(run.row)) for run in runs])
            write_json(out / "comparison.json", report)
    return report


def _evaluations(path: Path, chain: Sequence[str]) -> list[Path]:
    """List the evaluations of the last model, one a seed."""
    every = layout.evaluations(path)
    for row in (*chain[-1:], "test"):
        of_row = [place for place in every if place != path and Seeded.parse(place.name).row == row]
        if of_row:
            return of_row
    return [place for place in every if place == path]


def _names(paths: Sequence[Path]) -> list[str]:
    """Call each run by its folder's name, or by its path where two share one."""
    names = [path.resolve().name for path in paths]
    return [str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]


def _cost(stages: dict[str, dict[str, float]], chain: Sequence[str], *, n_seeds: int) -> RungCost:
    shared_s = train_s = peak_gb = 0.0
    for stage, cost in stages.items():
        key = StageKey.parse(stage)
        seeded = key.of.seed is not None
        if key.verb not in _MADE or (key.of.row and key.of.row not in chain and key.verb == "train"):
            continue
        shared_s += 0.0 if seeded else cost["wall_s"]
        train_s += cost["wall_s"] / n_seeds if seeded else 0.0
        peak_gb = max(peak_gb, cost["peak_gb"])
    return RungCost.of(shared_s, train_s, peak_gb=peak_gb)


def _check_alike(runs: Sequence[Run], *, allow_other_data: bool) -> None:
    first = runs[0]
    for run in runs[1:]:
        _check_data(first, run, allow_other_data=allow_other_data)
        if run.settings != first.settings:
            raise RunError(
                f"{first.path} measured split, depth and --exclude {first.settings}, {run.path} {run.settings}; "
                "measure both alike"
            )


def _check_data(first: Run, run: Run, *, allow_other_data: bool) -> None:
    """Refuse runs on different texts, and on different labels unless that is wanted."""
    has_data = first.data and run.data
    unlike = {name for name in _DATA if has_data and first.data[name] != run.data[name]}
    if "texts" in unlike or (
        not has_data and None not in (first.fingerprint, run.fingerprint) and run.fingerprint != first.fingerprint
    ):
        raise RunError(f"{first.path} and {run.path} are runs on different datasets; compare runs on the same one")
    if unlike and not allow_other_data:
        raise RunError(
            f"{first.path} and {run.path} are runs on different labels of the same texts; compare runs on the same "
            "ones, or compare them all the same with allow_other_data=True"
        )


def _entry(run: Run, first: Run, *, seed: int) -> dict[str, Any]:
    comparison = None if run is first else compare(first.row.per_query, run.row.per_query, run.row.measure, seed=seed)
    gain = None if comparison is None else comparison.difference
    return {
        "name": run.row.name,
        "about": str(run.path),
        "trained": run.cost.seconds > 0,
        "state": "done",
        "message": "",
        "test": run.row.as_dict(seed=seed),
        "dev": None,
        "gain": gain,
        "gain_per_minute": run.cost.gain_per_minute(gain),
        "cost": asdict(run.cost),
    }


def _numbers(row: Row) -> list[int | None]:
    """Number the seeds of a run, which does not say them; None where there is one."""
    return [None] if len(row.seeds) == 1 else list(range(len(row.seeds)))
