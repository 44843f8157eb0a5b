"""From what was asked for to a plan with steps and times, before anything long is done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ir_measures import Measure

from hardneg.components import Room, as_table, build, parse_component
from hardneg.costs.speeds import Speeds
from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.files import from_here
from hardneg.ladders.budget import Amounts, Costs, with_steps
from hardneg.ladders.plan import (
    DRAFT,
    PLAN,
    PROBE,
    Budget,
    LadderPlan,
    TaskRecord,
    check_same,
    read_plan,
    read_record,
    write_plan,
    write_record,
)
from hardneg.ladders.rungs import Shared, build_rungs, default_rungs, shared_of, with_preset_rung
from hardneg.ladders.splits import choose_splits, refuse_shared, shared_queries
from hardneg.ladders.watching import with_watch
from hardneg.leave import allowing
from hardneg.place import Place
from hardneg.recipe import Recipe, plan_of
from hardneg.recipe.files import read_preset
from hardneg.recipe.rooms import SCORER, SOURCE, TRAIN
from hardneg.runs.state import mend_state
from hardneg.training.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a ladder is asked to be."""

    rungs: Sequence[str] | None = None
    preset: str | None = None
    recipe: str | Path | None = None
    model: str | None = None
    sources: Sequence[object] = ()
    teachers: Sequence[object] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    tune: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    seeds: int = 3
    budget_steps: int | None = None
    budget_minutes: float | None = None
    max_tokens: int | None = None
    measures: Sequence[str | Measure] | None = None
    primary: str | Measure | None = None
    split: str = "train"
    dev: str | None = None
    test: str = "test"
    seed: int = 0
    allow_shared_queries: bool = False

    @property
    def budget(self) -> Budget:
        """What each rung may use."""
        return Budget(self.budget_steps, self.budget_minutes)


def draft(wanted: Wanted, dataset: Dataset, address: Mapping[str, Any]) -> LadderPlan:
    """Build the rungs, and refuse what proves nothing; nothing is loaded but the dataset."""
    shared = _shared(wanted, str(address["path"]))
    splits = choose_splits(dataset, train=wanted.split, dev=wanted.dev, test=wanted.test)
    shared_ids = shared_queries(dataset, splits)
    if not wanted.allow_shared_queries:
        refuse_shared(shared_ids, splits)
    training: TrainSettings = build(TrainSettings, dict(shared.train), Place(Path("ladder"), "train"), rooms=TRAIN)
    rungs = build_rungs(_names(wanted), shared)
    untaught = [rung for rung in rungs if rung.needs_teacher]
    left_out = {rung.name: "it learns from a teacher, and none was named: --teacher" for rung in untaught}
    climbed = tuple(rung for rung in rungs if rung not in untaught)
    if not climbed:
        raise RecipeError("no rung is left to climb; name a teacher with --teacher, or other rungs")
    _check_budget(wanted.budget)
    climbed = tuple(with_watch(rung, splits, dataset) for rung in climbed)
    for stage, seed in ((stage, rung.recipe.seed) for rung in climbed for stage in rung.recipe.stages):
        plan_of(stage, seed=seed).check(dataset)
    for rung in climbed:
        for key, values in wanted.tune.items():
            for value in values:
                rung.with_settings({key: value})
    return LadderPlan(
        dataset=shared.dataset,
        skip_invalid=bool(address.get("skip_invalid")),
        fingerprint=dataset.fingerprint,
        splits=splits,
        rungs=climbed,
        left_out=left_out,
        seeds=shared.seeds,
        training=training,
        budget=wanted.budget,
        tune=wanted.tune,
        layout={key: value for key, value in address.items() if key not in ("path", "skip_invalid")},
        shared_queries={split: len(ids) for split, ids in shared_ids.items()},
    )


def _shared(wanted: Wanted, dataset: str) -> Shared:
    """Put together what all rungs share, from a recipe and from options, which go before it."""
    changes: dict[str, Any] = {"dataset": dataset, "seed": wanted.seed}
    changes |= {"model": from_here(wanted.model)} if wanted.model else {}
    loaded = Recipe.load(wanted.recipe, changes=changes) if wanted.recipe else Recipe.from_table(changes)
    base = shared_of(loaded, given=wanted.recipe is not None)
    sources = {each["use"]: dict(each) for each in (*base.sources, *(_table(each, SOURCE) for each in wanted.sources))}
    cut = {} if wanted.max_tokens is None else {"max_tokens": wanted.max_tokens}
    if cut:
        sources["dense"] = {"use": "dense", **sources.get("dense", {}), **cut}
    return Shared(
        dataset=dataset,
        model=base.model,
        seed=wanted.seed,
        seeds=tuple(range(wanted.seed, wanted.seed + wanted.seeds)),
        mine={**base.mine, "split": wanted.split},
        evaluate={**base.evaluate, "split": wanted.test, **cut, **_measures(wanted)},
        train={**base.train, **cut, **wanted.settings},
        sources=tuple(sources.values()),
        teachers=tuple(_table(each, SCORER) for each in wanted.teachers) or base.teachers,
    )


def _measures(wanted: Wanted) -> dict[str, Any]:
    chosen = {} if wanted.measures is None else {"measures": [str(each) for each in wanted.measures]}
    return chosen | ({} if wanted.primary is None else {"primary": str(wanted.primary)})


def _table(component: object, room: Room) -> dict[str, Any]:
    """Write a component as a recipe would, however it was given; options that were left out stay so."""
    if isinstance(component, str):
        return parse_component(component)
    return dict(component) if isinstance(component, Mapping) else as_table(component, room=room)


def _names(wanted: Wanted) -> Sequence[str]:
    names = tuple(wanted.rungs or default_rungs())
    if wanted.preset is None:
        return names
    read_preset(wanted.preset, Place(Path("--preset")))
    return with_preset_rung(names, wanted.preset)


def prepare(plan: LadderPlan, dataset: Dataset, folder: Path, *, work: Callable[[Path, str], None]) -> LadderPlan:
    """Find out how fast things go here, unless that is known, and give every rung its steps."""
    mend_state(folder / PLAN)
    with allowing(models=True):  # it is compared, and none of its models runs
        before = read_plan(folder)
    if before is not None:
        check_same(before, plan, folder)
    probe: dict[str, Any] = dict(before.probe) if before is not None and "parts" in before.probe else {}
    speeds = Speeds.from_dict(probe.get("parts", {}))
    if not probe or not all(speeds.knows(rung.name) for rung in plan.rungs if rung.is_trained):
        probe = _merged(probe, _probed(plan, folder, work))
        speeds = Speeds.from_dict(probe["parts"])
    costs = Costs(speeds, Amounts.of(dataset, plan.splits), start_s=probe["start_s"])
    training = plan.training
    ready = with_steps(
        replace(plan, probe=probe),
        costs,
        default=probe["n_steps"],
        pairs_a_step=training.batch_size * training.accumulate,
    )
    write_plan(ready, folder)
    return ready


def _probed(plan: LadderPlan, folder: Path, work: Callable[[Path, str], None]) -> dict[str, Any]:
    from time import perf_counter

    write_plan(plan, folder, name=DRAFT)
    write_record(folder, PROBE, TaskRecord())
    started = perf_counter()
    work(folder, PROBE)
    seconds = perf_counter() - started
    record = read_record(folder, PROBE)
    if record.state != "done":
        raise RecipeError(record.message)
    figures = dict(record.found)
    return {**figures, "start_s": round(max(0.0, seconds - figures["seconds"]), 3)}


def _merged(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """Keep what an earlier probe found, so that rungs which have their steps keep them."""
    return {**now, **before, "parts": {**now["parts"], **before.get("parts", {})}}


def _check_budget(budget: Budget) -> None:
    if budget.steps is not None and budget.minutes is not None:
        raise RecipeError("a budget is in steps or in minutes; leave one of them out")
    if (budget.steps is not None and budget.steps < 1) or (budget.minutes is not None and not budget.minutes > 0):
        raise RecipeError("a budget must be at least 1 step, or more than 0 minutes")
