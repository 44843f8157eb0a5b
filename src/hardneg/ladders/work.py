"""Doing one task of a ladder, in whatever process it is called.

A task finds what earlier ones left in the folder, and leaves its own there:

shared/found/          what each source found
shared/mined/KEY/      candidates, negatives and teacher scores, one folder for all rungs that need the same
rungs/NAME/            a run folder: recipe, costs, training of each seed, evaluation of each split and seed
rungs/NAME/tried/KEY/  the same for each choice of tuned settings, if something is tuned
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import polars as pl

from hardneg.costs.speeds import count_steps, measure
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import HardnegError, Interrupted, RunError
from hardneg.evaluation.retrieval import evaluate
from hardneg.hiding import hide
from hardneg.ladders.plan import DRAFT, PLAN, PROBE, LadderPlan, Task, TaskRecord, read_plan, read_record, write_record
from hardneg.ladders.rungs import Rung
from hardneg.models.store import new_vectors_in
from hardneg.pipeline.chain import mine_stage, opened, shared_place, stage_rows, train_stages, training_place
from hardneg.pipeline.preflight import check_alone, check_files, check_parts
from hardneg.pipeline.score_stage import score_stage
from hardneg.pipeline.scores import read_record as read_scored
from hardneg.pipeline.scores import scores_file
from hardneg.recipe.trust import measuring_with
from hardneg.runs import layout
from hardneg.runs.cost import Cost, measured
from hardneg.runs.done import damage_below, is_done
from hardneg.runs.folder import RunFolder
from hardneg.runs.found import with_found
from hardneg.runs.layout import Seeded, StageKey
from hardneg.runs.parts import read_table, scan_parts
from hardneg.sources import Dense, Source
from hardneg.sources.kept import keeping_retrievals
from hardneg.training.folder import TrainingFolder

Role = Literal["dev", "test"]


def do_task(folder: Path, task_id: str) -> TaskRecord:
    """Do a task, or go on with it where it was stopped, and write down what became of it."""
    plan = read_plan(folder, name=DRAFT if task_id == PROBE else PLAN)
    tasks = [Task(PROBE, "probe", ""), *(plan.tasks() if plan and task_id != PROBE else ())]
    task = next((each for each in tasks if each.id == task_id), None)
    if plan is None or task is None:
        raise RunError(f"{folder} has no task {task_id!r}")
    before = read_record(folder, task.id)
    write_record(folder, task.id, replace(before, state="begun", message=""))
    costs, figures, state, message = {"": Cost(before.seconds, before.peak_gb)}, dict[str, Any](), "done", ""
    try:
        with measured(costs, ""):
            figures = _WORK[task.kind](plan, task, folder, _dataset(plan))
    except Interrupted:
        state = "begun"
        raise
    except HardnegError as error:
        state, message = "failed", str(error)
    except Exception as error:  # whatever it was, the other rungs go on
        state, message = "failed", hide(f"{type(error).__name__}: {error}")
    except BaseException:
        state = "begun"
        raise
    finally:
        cost = costs[""]
        peak_gb = figures.pop("peak_gb", cost.peak_gb)  # of the work alone where a run folder tells it from measuring
        record = TaskRecord(state, round(cost.wall_s, 3), round(peak_gb, 3), message, figures)  # type: ignore[arg-type]
        write_record(folder, task.id, record)
    return record


def _label(settings: Mapping[str, Any]) -> str:
    """Name a folder for settings of training."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()


def _dataset(plan: LadderPlan) -> Dataset:
    dataset = read_dataset(plan.dataset, mapping=plan.layout, skip_invalid=plan.skip_invalid)
    if dataset.fingerprint != plan.fingerprint:
        raise RunError(f"{plan.dataset} has changed since the ladder was planned; climb into another folder")
    return dataset


def _retrieve(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:
    from hardneg.sources.kept import retrieved

    stage = plan.rung(task.rung).recipe.stages[task.stage]
    queries = dataset.queries_of(stage.mine.split)
    with keeping_retrievals(folder / "shared" / "found"):
        for start in range(0, len(queries), stage.mine.block_size):
            block = queries[start : start + stage.mine.block_size]
            retrieved(stage.sources[task.source], dataset, block, stage.mine.depth)
    return {"queries": len(queries)}


def _mine(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:
    recipe = plan.rung(task.rung).recipe
    stage, place = recipe.stages[task.stage], _mined(folder, plan, task, dataset)
    run = opened(recipe, folder / "shared" / "runs" / task.id)
    with keeping_retrievals(folder / "shared" / "found"):
        mined = mine_stage(stage, place, recipe, dataset, run)
    candidates = scan_parts(place / "candidates")
    asked = 0
    if "teacher_score" in candidates.collect_schema():
        asked = int(candidates.select(pl.col("teacher_score").is_not_null().sum()).collect().item())
    figures = {"funnel": mined.funnel, "teacher_calls": asked, "found_positives": mined.found.height}
    return {"folder": str(place.relative_to(folder)), **figures, **_peak(run)}


def _score(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:
    recipe = plan.rung(task.rung).recipe
    stage, place = recipe.stages[task.stage], _mined(folder, plan, task, dataset)
    run = opened(recipe, folder / "shared" / "runs" / task.id)
    mined = mine_stage(stage, place, recipe, dataset, run)
    data = with_found(dataset, mined.found, split=stage.mine.split)
    score_stage(recipe, stage, data, mined.negatives, run, place=place)
    scored = [read_scored(scores_file(place, teacher)) for teacher in recipe.teachers]
    return {"teachers": scored, "teacher_calls": sum(one["pairs"] for one in scored), **_peak(run)}


def _climb(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:
    rung, place = plan.rung(task.rung), folder / "rungs" / task.rung
    if not rung.is_trained:
        _measure(plan, "dev", rung.system(), place, dataset, rung=rung)
        return {}
    return _tuned(plan, rung, place, folder, dataset)


def _tuned(plan: LadderPlan, rung: Rung, place: Path, folder: Path, dataset: Dataset) -> dict[str, Any]:
    """Train a rung's first seed with each choice of settings, and all seeds with the best."""
    choices = plan.variants(rung)
    if len(choices) == 1:
        return _trained(plan, rung.with_settings(choices[0]), place, folder, dataset)
    places, spent = [place / "tried" / _label(one) for one in choices], 0.0
    scores: list[float] = []
    for choice, trial in zip(choices, places, strict=True):
        figures = _trained(plan, rung.with_settings(choice), trial, folder, dataset, first_only=True)
        spent += sum(figures["train_seconds"].values())
        scores.append(float(read_table(evaluated(trial, "dev", plan.seeds[0]))[plan.measure].to_numpy().mean()))
    best = scores.index(max(scores))  # the first of equal ones
    for trial in places:  # the others will not be tested
        if trial != places[best]:
            shutil.rmtree(trial / "vectors", ignore_errors=True)
    whole = _trained(plan, rung.with_settings(choices[best]), places[best], folder, dataset)
    tried = [{"settings": one, "dev": score} for one, score in zip(choices, scores, strict=True)]
    first_s = whole["train_seconds"][str(plan.seeds[0])]
    return {**whole, "tuned": choices[best], "tried": tried, "tuning_seconds": round(spent - first_s, 3)}


def _trained(
    plan: LadderPlan, rung: Rung, place: Path, folder: Path, dataset: Dataset, *, first_only: bool = False
) -> dict[str, Any]:
    recipe, seeds = rung.recipe, plan.seeds[:1] if first_only else plan.seeds
    run = opened(recipe, place, shared=folder / "shared" / "mined")
    run.pin("dataset", dataset.fingerprint)
    rows, mined = stage_rows(recipe), dict[Path, Any]()
    run.manifest["chain"] = list(rows)
    gpu_gb = 0.0
    for seed in seeds:
        *_, (name, model) = train_stages(rows, recipe, dataset, run, seed=seed, mined=mined)
        gpu_gb = max(gpu_gb, _peak_gpu_gb())
        _measure(plan, "dev", _model(model, rung), place, dataset, rung=rung, seed=seed)
    steps = {seed: [len(TrainingFolder(training_place(run, row, seed)).records()) for row in rows] for seed in seeds}
    return {
        "place": str(place.relative_to(folder)),
        "models": {str(seed): str((training_place(run, name, seed) / "model").relative_to(folder)) for seed in seeds},
        "n_steps": {str(seed): sum(counts) for seed, counts in steps.items()},
        "train_seconds": {str(seed): _own_seconds(run.manifest["stages"], seed) for seed in seeds},
        "peak_gpu_gb": round(gpu_gb, 3),
        **_peak(run, "train"),
    }


def _test(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:
    rung = plan.rung(task.rung)
    if not rung.is_trained:
        _measure(plan, "test", rung.system(), folder / "rungs" / rung.name, dataset, rung=rung)
        return {}
    climbed = read_record(folder, f"climb-{rung.name}").found
    for seed in plan.seeds:
        place, model = folder / climbed["place"], folder / climbed["models"][str(seed)]
        _measure(plan, "test", _model(model, rung), place, dataset, rung=rung, seed=seed)
        shutil.rmtree(_vectors(place, seed), ignore_errors=True)
    return {}


def _probe(plan: LadderPlan, task: Task, folder: Path, dataset: Dataset) -> dict[str, Any]:  # noqa: ARG001
    started = time.perf_counter()
    for rung in plan.rungs:
        if rung.is_trained:
            check_alone(rung.recipe, "a ladder")
            check_parts(rung.recipe)
            check_files(rung.recipe, dataset)
    recipes = {rung.name: rung.recipe for rung in plan.rungs}
    untrained = {rung.name for rung in plan.rungs if not rung.is_trained}
    place = folder / "probe"
    speeds = measure(recipes, dataset, split=plan.splits.train, folder=place, untrained=untrained)
    shutil.rmtree(place, ignore_errors=True)
    n_steps = count_steps(dataset, plan.training, split=plan.splits.train)
    return {"parts": speeds.as_dict(), "n_steps": n_steps, "seconds": time.perf_counter() - started}


_WORK: Mapping[str, Callable[[LadderPlan, Task, Path, Dataset], dict[str, Any]]] = {
    "probe": _probe,
    "retrieve": _retrieve,
    "mine": _mine,
    "score": _score,
    "climb": _climb,
    "test": _test,
}


def evaluated(place: Path, role: Role, seed: int | None) -> Path:
    """Name the table of what a rung measured, query by query."""
    return place / "evaluation" / str(Seeded(role, seed)) / layout.PER_QUERY


def _measure(
    plan: LadderPlan,
    role: Role,
    system: Source,
    place: Path,
    dataset: Dataset,
    *,
    rung: Rung,
    seed: int | None = None,
) -> None:
    """Measure on a split, if there is one and it is not done; vectors of trained weights stay until the test is."""
    split, target = getattr(plan.splits, role), evaluated(place, role, seed).parent
    is_measured = is_done(target / layout.METRICS, target / layout.PER_QUERY)
    if split is None or (is_measured and not damage_below(target)):
        return
    name = str(Seeded(rung.name, seed))
    aside = nullcontext() if seed is None else new_vectors_in(_vectors(place, seed), keep=True)
    with aside:
        evaluate(dataset, system, split=split, name=name, **rung.recipe.evaluate.options).write(target)
    if seed is not None and is_done(evaluated(place, "test", seed)):  # measured again, and the test has been
        shutil.rmtree(_vectors(place, seed), ignore_errors=True)


def _vectors(place: Path, seed: int) -> Path:
    return place / "vectors" / f"seed{seed}"


def _model(path: Path, rung: Rung) -> Dense:
    return measuring_with(str(path), rung.recipe)


def _mined(folder: Path, plan: LadderPlan, task: Task, dataset: Dataset) -> Path:
    recipe = plan.rung(task.rung).recipe
    return shared_place(folder / "shared" / "mined", recipe.stages[task.stage], recipe, dataset)


def _own_seconds(stages: Mapping[str, Mapping[str, float]], seed: int) -> float:
    """Add up what one seed of a rung cost: training, and mining with models that were trained with this seed."""
    seconds = [cost["wall_s"] for stage, cost in stages.items() if StageKey.parse(stage).of.seed == seed]
    return round(sum(seconds), 3)


def _peak(run: RunFolder, verb: str = "") -> dict[str, float]:
    return {"peak_gb": max((cost["peak_gb"] for name, cost in run.manifest["stages"].items() if name.startswith(verb)))}


def _peak_gpu_gb() -> float:
    """Give the most memory that tensors took on the accelerator since this was last asked, in 10^9 bytes."""
    import torch

    if not torch.cuda.is_available():
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return peak
