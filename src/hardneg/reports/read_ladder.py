"""What a report shows of a ladder's folder, from its `ladder.json`."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.reports.read_run import best_ranks, read_mining, read_trained
from hardneg.runs import layout
from hardneg.runs.layout import Seeded
from hardneg.runs.parts import part_files, read_table
from hardneg.runs.state import read_state, whole_lines

if TYPE_CHECKING:
    from hardneg.evaluation.row import Row
    from hardneg.reports.contents import Ladder, Mining, Training


def read_ladder(folder: Path) -> "Ladder | None":
    """Read what `hardneg ladder` found: each rung on the test queries, or on the development queries before that."""
    from hardneg.reports.contents import Ladder

    found = read_state(folder / layout.LADDER, keys=("measure", "rungs", "comparisons"))
    if not found:
        return None
    measure = found["measure"]
    with whole_lines(folder / layout.LADDER):
        rungs = [_rung(rung, measure) for rung in found["rungs"]]
        pairs = [
            {"name": f"{one['after']} against {one['before']}", "value": one["difference"]}
            | {key: one.get(key) for key in ("low", "high", "p_value", "p_corrected", "wins", "ties", "losses")}
            for one in found["comparisons"]
        ]
    ends: dict[str, type[pl.DataType]] = dict.fromkeys(("value", "low", "high"), pl.Float64)
    more: dict[str, type[pl.DataType]] = {"n_pool": pl.Float64, "dev": pl.Float64, "trained": pl.Boolean}
    return Ladder(
        pl.DataFrame(rungs, schema_overrides=ends | more, infer_schema_length=None),
        pl.DataFrame(pairs, schema_overrides=ends, infer_schema_length=None),
        measure,
        found.get("best_on_dev"),
        _rows(folder, found),
    )


def _rows(folder: Path, found: Mapping[str, Any]) -> "list[Row]":
    """Read each query's measures on the test split; none if the table is not there."""
    from hardneg.evaluation.row import Row

    file, split = folder / layout.PER_QUERY, found.get("dataset", {}).get("splits", {}).get("test")
    if not file.exists():
        return []
    table = read_table(file).filter(pl.col("split") == split)
    parts = table.partition_by("rung", maintain_order=True, as_dict=True)
    seeds = {
        str(name): rows.drop("rung", "split").partition_by("seed", maintain_order=True)
        for (name,), rows in parts.items()
    }
    return [Row(name, [part.drop("seed") for part in tables], found["measure"]) for name, tables in seeds.items()]


def read_ladder_placed(folder: Path) -> dict[str, pl.DataFrame]:
    """Find the rank of each test query's best-placed positive, with the first seed of each rung."""
    found: dict[str, pl.DataFrame] = {}
    names = ("test", *(str(Seeded("test", seed)) for seed in _state(folder).get("seeds", ())[:1]))
    for rung, place in _places(folder):
        run = next((place / "evaluation" / name for name in names if (place / "evaluation" / name).exists()), None)
        if run is not None and (run / layout.RANKINGS).exists():
            found[rung] = best_ranks(run)
    return found


def read_ladder_mined(folder: Path, *, first: str | None = None) -> "list[Mining]":
    """Read what was mined for the rungs, once where several share it."""
    names, own = dict[str, str](), set[str]()
    for rung in _state(folder)["rungs"]:
        own |= set(rung.get("mined", ()) if rung["name"] == first else ())
        for number, place in enumerate(rung.get("mined", ())):
            names.setdefault(place, rung["name"] if number == 0 else f"{rung['name']}-{number + 1}")
    return [
        read_mining(folder / place, stage=name)
        for place, name in sorted(names.items(), key=lambda item: item[0] not in own)
        if (folder / place / layout.FUNNEL).exists() and part_files(folder / place / "candidates")
    ]


def read_ladder_trained(folder: Path) -> Iterator["Training"]:
    """Read the trainings of all rungs, those with the first seed before the others."""
    trained = [(rung, each) for rung, place in _places(folder) for each in read_trained(place)]
    stages = {
        rung: len({Seeded.parse(each.model).row for name, each in trained if name == rung}) for rung, _ in trained
    }
    seeds = [Seeded.parse(each.model).seed or 0 for _, each in trained]
    for _, (rung, each) in sorted(zip(seeds, trained, strict=True), key=lambda pair: pair[0]):
        of = Seeded.parse(each.model)
        yield replace(each, model=str(Seeded(rung if stages[rung] == 1 else f"{rung}-{of.row}", of.seed)))


def read_ladder_dataset(folder: Path) -> dict[str, Any]:
    """Say what a ladder was climbed with, as the table `[dataset]` of a recipe."""
    plan = read_state(folder / layout.PLAN, keys=())
    if "dataset" not in plan:
        return {}
    return {"path": plan["dataset"], "skip_invalid": plan.get("skip_invalid", False), **plan.get("layout", {})}


def _places(folder: Path) -> list[tuple[str, Path]]:
    return [(rung["name"], folder / rung.get("place", f"rungs/{rung['name']}")) for rung in _state(folder)["rungs"]]


def _state(folder: Path) -> dict[str, Any]:
    return read_state(folder / layout.LADDER, keys=("rungs",))


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


def read_ladder_facts(folder: Path) -> list[tuple[str, str]]:
    """Read what a ladder was climbed with, for the line of facts at the top of a page."""
    found = read_state(folder / layout.LADDER, keys=("rungs",))
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
