"""What a report shows of a ladder's folder, from its `ladder.json`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.errors import RunError
from hardneg.evaluation.significance import Row
from hardneg.reports.contents import LadderTables, Mining, Training
from hardneg.reports.read_run import best_ranks, is_mined, read_mining, read_trainings
from hardneg.runs import layout
from hardneg.runs.layout import Seeded
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state, whole_lines


def ladder_state(folder: Path) -> dict[str, Any]:
    """Read `ladder.json`; empty if the folder is not that of a ladder."""
    return read_state(folder / layout.LADDER, keys=("measure", "rungs", "comparisons"))


def read_ladder(folder: Path, state: Mapping[str, Any]) -> LadderTables:
    """Read what `hardneg ladder` found: each rung on the test queries, or on the development queries before that."""
    measure = state["measure"]
    with whole_lines(folder / layout.LADDER):
        rungs = [_rung(rung, measure) for rung in state["rungs"]]
        pairs = [
            {"name": f"{one['after']} against {one['before']}", "value": one["difference"]}
            | {key: one.get(key) for key in ("low", "high", "p_value", "p_corrected", "wins", "ties", "losses")}
            for one in state["comparisons"]
        ]
    if not rungs:
        raise RunError(f"{folder / layout.LADDER} names no rung, so hardneg did not write it; climb again")
    kinds: dict[str, Any] = dict.fromkeys(("value", "low", "high", "n_pool", "dev"), pl.Float64)
    kinds["trained"] = pl.Boolean
    tables = [pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None) for rows in (rungs, pairs)]
    return LadderTables(tables[0], tables[1], measure, state.get("best_on_dev"), _rows(folder, state))


def _rung(rung: Mapping[str, Any], measure: str) -> dict[str, Any]:
    split = "test" if rung.get("test") else "dev"
    figure = (rung.get(split) or {}).get(measure, {})
    cost = rung.get("cost", {})
    return {
        "name": rung["name"],
        **{key: figure.get(key) for key in ("value", "low", "high", "sd", "n")},
        "split": split if figure else None,
        "dev": (rung.get("dev") or {}).get(measure, {}).get("value"),
        "trained": rung.get("trained", True),
        "state": rung.get("state"),
        "seconds": cost.get("seconds"),
        "peak_gb": cost.get("peak_gb"),
        "n_pool": rung.get("n_pool"),
    }


def _rows(folder: Path, state: Mapping[str, Any]) -> list[Row]:
    """Read each query's measures on the test split; none if the table is not there."""
    file, split = folder / layout.PER_QUERY, state.get("dataset", {}).get("splits", {}).get("test")
    if not file.exists():
        return []
    table = read_table(file).filter(pl.col("split") == split)
    parts = table.drop("split").partition_by("rung", "seed", maintain_order=True, as_dict=True, include_key=False)
    seeds: dict[str, list[pl.DataFrame]] = {}
    for (rung, _), part in parts.items():
        seeds.setdefault(str(rung), []).append(part)
    return [Row(name, tables, state["measure"]) for name, tables in seeds.items()]


def read_ladder_placed(folder: Path, state: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
    """Find the rank of each test query's best-placed positive, with the first seed of each rung."""
    placed: dict[str, pl.DataFrame] = {}
    names = ("test", *(str(Seeded("test", seed)) for seed in state.get("seeds", ())[:1]))
    for rung, place in _places(folder, state):
        run = next((place / "evaluation" / name for name in names if (place / "evaluation" / name).exists()), None)
        if run is not None and (run / layout.RANKINGS).exists():
            placed[rung] = best_ranks(run)
    return placed


def read_ladder_minings(folder: Path, state: Mapping[str, Any], *, first: str | None) -> list[Mining]:
    """Read what was mined for the rungs, once where several share it; that of the rung `first` before the others."""
    names, of_first = dict[str, str](), set[str]()
    for rung in state["rungs"]:
        of_first |= set(rung.get("mined", ()) if rung["name"] == first else ())
        for number, place in enumerate(rung.get("mined", ())):
            names.setdefault(place, rung["name"] if number == 0 else f"{rung['name']}-{number + 1}")
    places = sorted(names.items(), key=lambda item: item[0] not in of_first)
    within = [(_inside(folder, place), name) for place, name in places]
    return [read_mining(place, stage=name) for place, name in within if is_mined(place)]


def read_ladder_trainings(folder: Path, state: Mapping[str, Any]) -> Iterator[Training]:
    """Read the trainings of all rungs, those with the first seed before the others.

    A rung's only stage is called as the rung is.
    """
    trained = [(rung, each) for rung, place in _places(folder, state) for each in read_trainings(place)]
    stages = {
        rung: len({Seeded.parse(each.model).row for name, each in trained if name == rung}) for rung, _ in trained
    }
    for rung, each in sorted(trained, key=lambda pair: Seeded.parse(pair[1].model).seed or 0):
        of = Seeded.parse(each.model)
        yield replace(each, model=str(Seeded(rung if stages[rung] == 1 else f"{rung}-{of.row}", of.seed)))


def _places(folder: Path, state: Mapping[str, Any]) -> list[tuple[str, Path]]:
    return [(rung["name"], _inside(folder, rung.get("place", f"rungs/{rung['name']}"))) for rung in state["rungs"]]


def _inside(folder: Path, place: str) -> Path:
    """Name a place below the folder, and none elsewhere that a ladder of somebody else names."""
    path = folder / place
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RunError(f"{folder / layout.LADDER} names {place}, which lies outside of the folder; climb again")
    return path


def ladder_dataset(folder: Path) -> dict[str, Any]:
    """Say what a ladder was climbed with, as the table `[dataset]` of a recipe."""
    plan = read_state(folder / layout.PLAN, keys=())
    if "dataset" not in plan:
        return {}
    return {"path": plan["dataset"], "skip_invalid": plan.get("skip_invalid", False), **plan.get("layout", {})}
