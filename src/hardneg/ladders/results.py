"""What a ladder found: `ladder.json` and `per_query.parquet`, all that a table or a page needs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.evaluation.significance import Row, compare, holm
from hardneg.files import replacing
from hardneg.ladders.budget import needed
from hardneg.ladders.plan import LadderPlan, TaskRecord
from hardneg.ladders.rungs import Rung
from hardneg.ladders.work import Role, evaluated
from hardneg.progress import task
from hardneg.runs import layout
from hardneg.runs.folder import machine, versions
from hardneg.runs.parts import read_table
from hardneg.runs.state import write_state
from hardneg.training.folder import TrainingFolder

LEVEL = 0.05
_BASE = "zero_shot"


@dataclass(frozen=True)
class RungCost:
    """What a rung needs, once: the work that it shares with others is counted in full for each of them."""

    seconds: float = 0.0  # shared_s and train_s
    shared_s: float = 0.0
    train_s: float = 0.0  # of one seed
    tuning_s: float = 0.0
    peak_gb: float = 0.0
    peak_gpu_gb: float = 0.0
    teacher_calls: int = 0

    @classmethod
    def of(cls, shared_s: float, train_s: float, **others: Any) -> "RungCost":  # noqa: ANN401 - the fields above
        """Add up what is shared and what is not."""
        return cls(round(shared_s + train_s, 3), round(shared_s, 3), round(train_s, 3), **others)

    def gain_per_minute(self, gain: float | None) -> float | None:
        """Divide a gain by the minutes that it took; None if there is no gain, or it cost nothing."""
        return None if gain is None or not self.seconds else gain / (self.seconds / 60)


def summarise(plan: LadderPlan, records: Mapping[str, TaskRecord], folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Put together what a ladder found, and write `ladder.json` and `per_query.parquet`."""
    rows = {rung.name: _row(plan, rung, records, folder, "test") for rung in plan.rungs}
    dev = {rung.name: _row(plan, rung, records, folder, "dev") for rung in plan.rungs}
    done = {name: row for name, row in rows.items() if row is not None}
    splits = ((plan.splits.dev, dev), (plan.splits.test, rows))
    comparisons = compared(list(done.values()), base=_BASE)
    rungs = [
        _entry(plan, rung, records, folder, row=rows[rung.name], dev=dev[rung.name], comparisons=comparisons)
        for rung in plan.rungs
    ]
    report = {
        "format": 1,
        "kind": "ladder",
        "folder": str(folder),
        "measure": plan.measure,
        "dataset": _counts(dataset, plan),
        "model": plan.rungs[0].recipe.model,
        "seeds": list(plan.seeds),
        "budget": asdict(plan.budget),
        "tune": {key: list(values) for key, values in plan.tune.items()},
        "left_out": dict(plan.left_out),
        "rungs": rungs,
        "comparisons": comparisons,
        "correction": {"method": "holm", "n": len(comparisons), "level": LEVEL},
        "best_on_dev": _best(dev, plan.measure),
        "tasks": [_task(plan, records, each.id) for each in plan.tasks()],
        "probe": dict(plan.probe),
        "versions": versions(),
        "machine": machine(),
    }
    measured = [(str(split), row) for split, some in splits for row in some.values() if row is not None]
    write_per_query(folder, [(split, row, _seeds(plan, plan.rung(row.name))) for split, row in measured])
    write_state(folder / layout.LADDER, report)
    return report


def compared(rows: Sequence[Row], *, base: str, seed: int = 0) -> list[dict[str, Any]]:
    """Compare each system with the one below it and with a base, and correct for the number of comparisons."""
    pairs: dict[tuple[str, str], list[str]] = {}
    named, order = {row.name: row for row in rows}, [row.name for row in rows]
    for before, after in pairwise(order):
        pairs.setdefault((before, after), []).append("below")
    for after in order[order.index(base) + 1 :] if base in order else ():
        pairs.setdefault((base, after), []).append("base")
    comparisons = []
    with task("comparing query by query", total=len(pairs), unit="comparisons") as advance:
        for (before, after), against in pairs.items():
            one = compare(named[before].per_query, named[after].per_query, named[after].measure, seed=seed)
            comparisons.append({"after": after, "before": before, "against": against, **asdict(one)})
            advance(1)
    corrected = holm([one["p_value"] for one in comparisons])
    return [{**one, "p_corrected": p} for one, p in zip(comparisons, corrected, strict=True)]


def _row(plan: LadderPlan, rung: Rung, records: Mapping[str, TaskRecord], folder: Path, role: Role) -> Row | None:
    """Read what a rung measured on a split; None if it is not there."""
    climbed, tested = records[f"climb-{rung.name}"], records[f"test-{rung.name}"]
    is_there = plan.splits.dev is not None if role == "dev" else tested.state == "done"
    if climbed.state != "done" or not is_there:
        return None
    place = folder / climbed.found.get("place", f"rungs/{rung.name}")
    return Row(rung.name, [read_table(evaluated(place, role, seed)) for seed in _seeds(plan, rung)], plan.measure)


def _seeds(plan: LadderPlan, rung: Rung) -> Sequence[int | None]:
    return plan.seeds if rung.is_trained else (None,)


def _entry(
    plan: LadderPlan,
    rung: Rung,
    records: Mapping[str, TaskRecord],
    folder: Path,
    *,
    row: Row | None,
    dev: Row | None,
    comparisons: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    climbed, tested = records[f"climb-{rung.name}"], records[f"test-{rung.name}"]
    failed = next((each for each in (climbed, tested) if each.state == "failed"), None)
    cost = _cost(plan, rung, records)
    base = next((one for one in comparisons if one["after"] == rung.name and "base" in one["against"]), None)
    gain = None if base is None else base["difference"]
    mined = [records[each].found for each in _mining(plan, rung) if records[each].state == "done"]
    return {
        "name": rung.name,
        "about": rung.about,
        "trained": rung.is_trained,
        "state": "failed" if failed else tested.state,
        "message": failed.message if failed else "",
        "test": None if row is None else row.as_dict(),
        "dev": None if dev is None else dev.as_dict(),
        "gain": gain,
        "gain_per_minute": cost.gain_per_minute(gain),
        "cost": asdict(cost),
        "steps": climbed.found.get("n_steps", {}),
        "n_pool": _pool(folder, climbed),
        "tuned": climbed.found.get("tuned", {}),
        "tried": climbed.found.get("tried", []),
        "place": climbed.found.get("place", f"rungs/{rung.name}"),
        "mined": [each["folder"] for each in mined],
        "found_positives": sum(each.get("found_positives", 0) for each in mined),
        "recipe": rung.recipe.resolved() if rung.is_trained else None,
    }


def _pool(folder: Path, climbed: TaskRecord) -> float | None:
    """Average the documents in the pool, over the steps and seeds of the last stage."""
    models = climbed.found.get("models", {}).values()
    sizes = [each["n_pool"] or 0.0 for model in models for each in TrainingFolder((folder / model).parent).records()]
    return round(sum(sizes) / len(sizes), 1) if sizes else None


def _mining(plan: LadderPlan, rung: Rung) -> list[str]:
    """List the tasks that mine for a rung."""
    tasks = {task.id: task for task in plan.tasks()}
    return [each for each in needed(tasks[f"climb-{rung.name}"], tasks) if tasks[each].kind == "mine"]


def _cost(plan: LadderPlan, rung: Rung, records: Mapping[str, TaskRecord]) -> RungCost:
    tasks = {task.id: task for task in plan.tasks()}
    climb = tasks[f"climb-{rung.name}"]
    if not rung.is_trained:
        return RungCost()
    shared = [records[each] for each in needed(climb, tasks)]
    figures = records[climb.id].found
    trained = list(figures.get("train_seconds", {}).values())
    shared_s, train_s = sum(each.seconds for each in shared), sum(trained) / len(trained) if trained else 0.0
    return RungCost.of(
        shared_s,
        train_s,
        tuning_s=figures.get("tuning_seconds", 0.0),
        peak_gb=max(each.peak_gb for each in (*shared, records[climb.id])),
        peak_gpu_gb=figures.get("peak_gpu_gb", 0.0),
        teacher_calls=sum(each.found.get("teacher_calls", 0) for each in shared),
    )


def _task(plan: LadderPlan, records: Mapping[str, TaskRecord], task: str) -> dict[str, Any]:
    record = records[task]
    return {
        "id": task,
        "state": record.state,
        "seconds": record.seconds,
        "planned_s": plan.estimates.get(task),
        "peak_gb": record.peak_gb,
        "message": record.message,
    }


def _counts(dataset: Dataset, plan: LadderPlan) -> dict[str, Any]:
    splits = plan.splits
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "queries": dataset.n_queries,
        "documents": dataset.n_documents,
        "splits": {"train": splits.train, "dev": splits.dev, "test": splits.test},
        "train_pairs": len(dataset.pairs_of(splits.train)[0]),
        "dev_queries": 0 if splits.dev is None else len(dataset.queries_of(splits.dev)),
        "test_queries": len(dataset.queries_of(splits.test)),
        "shared_queries": dict(plan.shared_queries),
    }


def _best(dev: Mapping[str, Row | None], measure: str) -> str | None:
    """Name the rung with the best mean on the development split; the test split has no say in it."""
    means = {name: row.per_query[measure].mean() for name, row in dev.items() if row is not None}
    return max(means, key=lambda name: means[name]) if means else None  # type: ignore[arg-type, return-value]


def write_per_query(folder: Path, rows: Sequence[tuple[str, Row, Sequence[int | None]]]) -> None:
    """Write one table of what rows measured on splits, with the seed of each of their tables."""
    tables = [
        table.select(
            pl.lit(row.name).alias("rung"),
            pl.lit(seed, dtype=pl.Int64).alias("seed"),
            pl.lit(split).alias("split"),
            pl.all(),
        )
        for split, row, seeds in rows
        for seed, table in zip(seeds, row.seeds, strict=True)
    ]
    if tables:
        with replacing(folder / layout.PER_QUERY) as temporary:
            pl.concat(tables, how="diagonal").write_parquet(temporary)
