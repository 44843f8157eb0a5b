"""Whether what a ladder or a fit says follows from what its parts measured."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.evaluation.fusion import by_ranks, by_scores
from hardneg.evaluation.metrics import measure
from hardneg.evaluation.significance import Row, compare, holm, mean_interval
from hardneg.evaluation.trec import read_qrels, read_run
from hardneg.runs import layout
from hardneg.runs.layout import Seeded
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked

_BASE, _BM25 = "in_batch", "bm25"


def check_ladder(place: Path, *, where: str) -> Iterator[Checked]:
    """Check what a ladder says of its rungs."""
    state = read_state(place / layout.LADDER, keys=("rungs", "comparisons", "measure", "seeds", "best_on_dev"))
    by, off = state["measure"], list[str]()
    rows: dict[str, dict[str, Row]] = {"test": {}, "dev": {}}
    for rung in state["rungs"]:
        seeds = state["seeds"] if rung["trained"] else [None]
        for role, measured in rows.items():
            if rung[role] is not None:
                folders = [place / rung["place"] / "evaluation" / str(Seeded(role, seed)) for seed in seeds]
                row = Row(rung["name"], [read_table(each / layout.PER_QUERY) for each in folders], by)
                measured[rung["name"]] = row
                off += [] if _same(row.as_dict(), rung[role]) else [f"{rung['name']} on {role}"]
    off += _comparisons_off(state["comparisons"], rows["test"], by)
    means = {name: row.per_query[by].mean() for name, row in rows["dev"].items()}
    best = max(means, key=lambda name: means[name]) if means else None
    off += [] if best == state["best_on_dev"] else ["the best rung"]
    yield _told(off, where, f"{len(state['rungs'])} rungs and {len(state['comparisons'])} comparisons")


def check_fit(place: Path, *, where: str) -> Iterator[Checked]:
    """Check what a fit says of its race, its choice and its test."""
    state = read_state(place / layout.FIT, keys=("request", "stages"))
    if not state.get("finished"):
        yield Checked("fit", where, "not checked", "it is not finished: the same command goes on")
        return
    yield _told(_race_off(place, state), where, f"{sum(len(one['standings']) for one in state['rounds'])} trainings")
    yield _told(_development_off(place, state), where, "development and the choice")
    yield _told(_test_off(place, state), where, f"{len(state['test']['rows'])} rows of the test")


def _race_off(place: Path, state: Mapping[str, Any]) -> list[str]:
    off = []
    for each in (standing for one in state["rounds"] for standing in one["standings"]):
        name = f"{each['strategy']}-{each['rate']:g}-{each['steps']}"
        table = read_table(place / "race" / name / "evaluation" / "dev" / layout.PER_QUERY)
        values = table[state["measure"]].to_numpy()
        figures = [values.mean(), *mean_interval(values, seed=0)]
        off += [] if _same(figures, [each["value"], each["low"], each["high"]]) else [name]
    return list(dict.fromkeys(off))


def raced(fit: Path) -> list[Path]:
    """List what the trainings of a race gave, all on the same queries."""
    return sorted(file.parent for file in fit.glob(f"race/*/evaluation/dev/{layout.METRICS}"))


def _development_off(place: Path, state: Mapping[str, Any]) -> list[str]:
    by, choice, off = state["measure"], state["choice"], list[str]()
    asked = read_table(raced(place)[0] / layout.PER_QUERY)["query_id"]
    tables: dict[str, pl.DataFrame] = {}
    for name in state["development"]["means"]:
        kept = [place / "development" / f"{name}{how}" for how in (layout.SMALL, "")]
        kept = [folder for folder in kept if folder.is_dir()]
        if kept:
            tables[name] = read_table(kept[0] / layout.PER_QUERY)
    in_race = pl.col("query_id").is_in(asked.implode())
    halves = {"race": in_race, "fresh": ~in_race, "both": pl.lit(value=True)}
    for name, table in tables.items():
        means = {half: float(table.filter(halves[half])[by].to_numpy().mean()) for half in ("race", "fresh")}
        off += [] if _same(means, state["development"]["means"][name]) else [f"means of {name}"]
    name = choice["leader"]
    for duel in choice["duels"]:
        before, after = tables[duel["against"]], tables[name]
        for half, condition in halves.items():
            one = compare(before.filter(condition), after.filter(condition), by)
            off += [] if _same(asdict(one), duel[half]) else [f"{name} against {duel['against']} ({half})"]
        if duel.get("among") is not None:
            before, after = (
                read_table(place / "development" / f"{each}{layout.AMONG}" / layout.PER_QUERY)
                for each in (duel["against"], name)
            )
            one = compare(before, after, by)
            off += [] if _same(asdict(one), duel["among"]) else [f"{name} against {duel['against']} (among)"]
        name = name if duel["is_won"] else duel["against"]
    return off + ([] if name == choice["strategy"] else [f"the choice of {choice['strategy']}"])


def _test_off(place: Path, state: Mapping[str, Any]) -> list[str]:
    by, winner, shown = state["measure"], state["choice"]["strategy"], state["test"]
    places = {name: _tested(place, name) for name in shown["rows"] if " + " not in name}
    rows = {name: Row(name, [read_table(each / layout.PER_QUERY)], by) for name, each in places.items()}
    columns = [column for column in rows[winner].seeds[0].columns if column != "query_id"]
    runs = {name: read_run(each / layout.RANKINGS) for name, each in places.items()}
    for name, weight in state["development"]["weights"].items():
        qrels = read_qrels(places[name] / layout.QRELS)
        fused = {
            f"{_BM25} + {name}, by rank": by_ranks(runs[_BM25], runs[name]),
            f"{_BM25} + {name}, weighted": by_scores(runs[_BM25], runs[name], weight=weight),
        }
        rows |= {both: Row(both, [measure(qrels, run, names=columns)], by) for both, run in fused.items()}
    off = [name for name in shown["rows"] if not _same(rows[name].as_dict(), shown["rows"][name])]
    for name, kept in shown["comparisons"].items():
        one = compare(rows[name].per_query, rows[winner].per_query, by)
        off += [] if _same(asdict(one), kept) else [f"{winner} against {name}"]
    return off


def _tested(place: Path, name: str) -> Path:
    """Name the folder of what was measured on the test split."""
    run = place / layout.FINAL_RUN
    if (run / "evaluation" / name).is_dir():
        return run / "evaluation" / name
    if name == _BASE and (place / layout.FINAL_BASE).is_dir():
        run = place / layout.FINAL_BASE
    last = read_state(run / layout.MANIFEST, keys=("chain",))["chain"][-1]
    return next(each for each in layout.evaluations(run) if Seeded.parse(each.name).row == last)


def _comparisons_off(comparisons: list[dict[str, Any]], rows: Mapping[str, Row], by: str) -> Iterator[str]:
    corrected = holm([one["p_value"] for one in comparisons])
    for one, p_corrected in zip(comparisons, corrected, strict=True):
        again = asdict(compare(rows[one["before"]].per_query, rows[one["after"]].per_query, by))
        kept = {key: one[key] for key in again}
        if not _same(again | {"p": p_corrected}, kept | {"p": one["p_corrected"]}):
            yield f"{one['after']} against {one['before']}"


def _same(one: object, other: object) -> bool:
    """Say whether values are equal but for rounding."""
    one, other = (json.loads(json.dumps(each)) for each in (one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return bool(np.isclose(one, other, rtol=0, atol=1e-9))
    return one == other


def _told(off: list[str], where: str, what: str) -> Checked:
    if off:
        more = f" and {len(off) - 5:,} more" if len(off) > 5 else ""
        detail = f"{', '.join(off[:5])}{more} do not follow from what was measured"
        return Checked("figures", where, "wrong", detail)
    return Checked("figures", where, "fine", f"{what} follow from what was measured")
