"""A ladder from the question to the answer: planned, shown if need be, climbed task by task, and summed up."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from ir_measures import Measure

from hardneg import progress
from hardneg.addresses import shown_place
from hardneg.arguments import check_places, check_texts, check_whole
from hardneg.costs.encoding_bills import all_bills
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.data.readers.own import is_parquet_folder
from hardneg.data.reading import read_dataset
from hardneg.endpoints.bill import Bill
from hardneg.engines import Engine, current_engine, is_here, working_on
from hardneg.errors import InputError, RunError
from hardneg.files import check_folder, replacing_folder
from hardneg.ladders import processes
from hardneg.ladders.best import keep_best
from hardneg.ladders.plan import LadderPlan, Task, TaskRecord, read_record, write_record
from hardneg.ladders.prepare import Wanted, draft, prepare
from hardneg.ladders.processes import Tasks
from hardneg.ladders.results import summarise
from hardneg.models.options import check_installed
from hardneg.notebook import Framed
from hardneg.pipeline.dealing import told_dealt, with_held_out
from hardneg.reports.write import write_report
from hardneg.runs.done import damage_below, is_done
from hardneg.runs.lock import WRITER, writing
from hardneg.runs.record import recording

Work = Callable[[Path, str], None]

_WORKER = "hardneg.ladders.worker"
_AGREED = "agreed"


@dataclass(frozen=True)
class Turn:
    """A task whose turn it is."""

    task: Task
    number: int
    total: int


@dataclass(frozen=True)
class Ready:
    """A ladder whose plan is made, before it is climbed."""

    plan: LadderPlan
    dataset: Dataset
    folder: Path
    work: Work
    notes: tuple[str, ...] = ()  # what was done to the dataset, for people

    @property
    def was_agreed(self) -> bool:
        """Whether all its work was agreed to before."""
        agreed = read_record(self.folder, _AGREED).found.get("tasks", [])
        return {task.id for task in self.plan.tasks()} <= set(agreed)

    def bills(self) -> list[Bill]:
        """Estimate what judges and embedding APIs will be asked."""
        return all_bills(self.dataset, *(rung.recipe for rung in self.plan.rungs if rung.is_trained))

    def write_agreed(self) -> None:
        """Write down that it was agreed to, so that the same call goes on without asking."""
        write_record(self.folder, _AGREED, TaskRecord("done", found={"tasks": [task.id for task in self.plan.tasks()]}))


@dataclass(frozen=True, repr=False)
class Ladder(Framed):
    """What a ladder found.

    Args:
        folder: Its folder; `report.html` in it shows everything.
        found: All of it, as `ladder.json` has it.
    """

    folder: Path
    found: Mapping[str, Any] = field(repr=False)

    @property
    def best(self) -> str | None:
        """The rung that was best on the development split; None without one. The test split has no say in it."""
        best: str | None = self.found["best_on_dev"]
        return best

    def frame(self) -> pl.DataFrame:
        """Lay out the rungs from the bottom to the top, with what each measured and cost.

        Returns:
            One row a rung: `rung`, `state`, `dev`, `test` with `low` and `high`, `sd` over the seeds, `gain` over
            `zero_shot`, `gain_per_minute`, `seconds`, `peak_gb`, `teacher_calls`. What was not measured is null.
        """
        measure = self.found["measure"]
        rows = []
        for rung in self.found["rungs"]:
            dev, test = ((rung[split] or {}).get(measure, {}) for split in ("dev", "test"))
            row = {"rung": rung["name"], "state": rung["state"], "dev": dev.get("value"), "test": test.get("value")}
            row |= {key: test.get(key) for key in ("low", "high", "sd")}
            row |= {key: rung[key] for key in ("gain", "gain_per_minute")}
            rows.append(row | {key: rung["cost"][key] for key in ("seconds", "peak_gb", "teacher_calls")})
        texts = ("rung", "state")
        schema = {name: pl.String if name in texts else pl.Float64 for name in rows[0]} | {"teacher_calls": pl.Int64}
        return pl.DataFrame(rows, schema=schema)

    def comparisons(self) -> pl.DataFrame:
        """Lay out how rungs differ, query by query.

        Returns:
            One row a comparison: `after`, `before`, `difference` with `low` and `high`, `p_value`, `p_corrected` for
            the number of comparisons, and the queries that became better (`wins`), stayed (`ties`), and became worse.
        """
        keys = ("after", "before", "difference", "low", "high", "p_value", "p_corrected", "wins", "ties", "losses")
        return pl.DataFrame([{key: one[key] for key in keys} for one in self.found["comparisons"]])

    def __repr__(self) -> str:
        counts, best = self.found["dataset"], f", best on the development split: {self.best}" if self.best else ""
        return f"Ladder: {len(self.found['rungs'])} rungs on {counts['name']}{best}, in {self.folder}"

    def __str__(self) -> str:
        """Write a line a rung below that."""
        measure, width = self.found["measure"], max(len(rung["name"]) for rung in self.found["rungs"])
        lines = [repr(self), f"{measure} of {self.found['dataset']['test_queries']:,} test queries:"]
        for rung in self.found["rungs"]:
            figure, gain = rung["message"] or rung["state"], rung["gain"]
            if rung["test"] is not None:
                test = rung["test"][measure]
                figure = f"{test['value']:.4f} [{test['low']:.4f}, {test['high']:.4f}]"
            lines.append(f"  {rung['name']:{width}}  {figure}{'' if gain is None else f'  {gain:+.4f}'}")
        return "\n".join(lines)


def ladder(
    dataset: Dataset,
    *,
    out: Path | str,
    rungs: Sequence[str] | None = None,
    preset: str | None = None,
    recipe: str | Path | None = None,
    model: str | None = None,
    sources: Sequence[object] = (),
    teachers: Sequence[object] = (),
    settings: Mapping[str, Any] | None = None,
    tune: Mapping[str, Sequence[Any]] | None = None,
    seeds: int = 3,
    budget_steps: int | None = None,
    budget_minutes: float | None = None,
    max_tokens: int | None = None,
    measures: Sequence[str | Measure] | None = None,
    primary: str | Measure | None = None,
    split: str = "train",
    dev: str | None = None,
    test: str = "test",
    seed: int = 0,
    allow_shared_queries: bool = False,
    engine: Engine | None = None,
) -> Ladder:
    """Climb from BM25 to distillation, rung by rung, and find what each gained and cost on this dataset.

    It begins at once; `hardneg ladder` shows a plan and asks first. Each piece of work has a process of its own, which
    reads the dataset from `out`. A rung that fails stops no other, and is tried again by the next call.

    Args:
        dataset: What to climb on.
        out: Folder of the ladder. An interrupted ladder goes on where it stopped when called again.
        rungs: Rungs, presets, recipes of hardneg or recipe files, from the bottom to the top; None climbs all rungs
            that need no teacher, and with `teachers` all, but for those on request, which must be named.
        preset: Add a rung that mines by a preset: code, legal, conversation or recommender.
        recipe: Take model, options of sources, teachers and training settings for all rungs from a recipe.
        model: The model that every rung starts from.
        sources: Options of a source, for all rungs that use it: `["bm25(analyzer='code')"]`; objects and tables of a
            recipe do as well, here and in `teachers`.
        teachers: Who is learned from; without one, rungs that need it are left out.
        settings: Training settings of all rungs, as a recipe has them: `{"epochs": 2}`.
        tune: Values to choose among on the development split: `{"learning_rate": [1e-5, 3e-5]}`.
        seeds: Trainings of each rung.
        budget_steps: Steps of each training.
        budget_minutes: Minutes for all that a rung needs with one seed, mining included.
        max_tokens: Cut texts there: mining, training and measuring alike.
        measures: What to measure, as for `evaluate`.
        primary: The measure that rungs are compared and chosen by; the first of `measures` if None.
        split: Split to train on.
        dev: Split to tune on; None takes dev, validation, valid or val if there is one.
        test: Split to test on, once, at the end.
        seed: Seed of mining, and the first of the trainings.
        allow_shared_queries: Climb though test shares queries with another split.
        engine: Who climbs: `Ray(address="auto", cpus=4)` of `hardneg.engines` does rungs that need nothing of each
            other at a time, each by a worker; None climbs one after the other, here.

    Returns:
        The rungs with what they measured and cost, and how they compare; `report.html` in the folder shows it.

    Raises:
        DatasetError: A split is missing, or the test shares queries with another split.
        RecipeError: A rung, a component or a setting cannot be used, or no rung is left.
        RunError: `out` holds another ladder, or one that is being climbed.
        Interrupted: Ctrl-C; the same call goes on where it stopped.
    """
    check_dataset(dataset, purpose="ladder")
    check_places("ladder", optional=False, out=out)
    check_whole("ladder", least=1, seeds=seeds)
    check_whole("ladder", least=0, seed=seed)
    check_texts("ladder", split=split, test=test)
    wanted = Wanted(
        rungs=rungs,
        preset=preset,
        recipe=recipe,
        model=model,
        sources=sources,
        teachers=teachers,
        settings=settings or {},
        tune={key: tuple(values) for key, values in (tune or {}).items()},
        seeds=seeds,
        budget_steps=budget_steps,
        budget_minutes=budget_minutes,
        max_tokens=max_tokens,
        measures=measures,
        primary=primary,
        split=split,
        dev=dev,
        test=test,
        seed=seed,
        allow_shared_queries=allow_shared_queries,
    )
    with claimed(Path(out)), working_on(engine, keep=False):
        return climb_ladder(plan_ladder(dataset, wanted, Path(out)))


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep others from climbing in a folder."""
    check_folder(folder)
    with writing(folder):
        try:
            yield
        except InputError:
            if {path.name for path in folder.iterdir()} <= {WRITER, "dataset"}:
                shutil.rmtree(folder, ignore_errors=True)  # refused before there was anything to keep
            raise


def plan_ladder(
    dataset: Dataset,
    wanted: Wanted,
    folder: Path,
    *,
    address: Mapping[str, Any] | None = None,
    worker: str = _WORKER,
) -> Ready:
    """Plan a ladder, with steps and times that a short trial of everything gives.

    `address` is where the dataset can be read again, as `[dataset]` of a recipe; without it the dataset is kept in the
    folder. `worker` is the module that does a task in a process of its own.
    """
    check_installed("a ladder, which trains models,", training=True)
    place = folder / "dataset"
    data, how = with_held_out(dataset, place, train=wanted.split, dev=wanted.dev, test=wanted.test)
    kept = {"path": shown_place(place.resolve())}
    planned = draft(wanted, data, kept if how is not None or address is None else address)
    if how is None and address is None:
        _keep(dataset, place)
    work = processes.in_process(["-m", worker])
    notes = () if how is None else (told_dealt(dataset.name, how, place),)
    return Ready(prepare(planned, data, folder, work=work), data, folder, work, notes)


def climb_ladder(ready: Ready, *, announce: Callable[[Turn], None] = lambda _: None) -> Ladder:
    """Do what a plan says, and sum up what was found."""
    plan, folder = ready.plan, ready.folder
    ready.write_agreed()
    with recording(folder, "ladder", dataset=plan.dataset, layout=plan.layout):
        records = climb(plan, folder, work=ready.work, announce=announce)
        report = summarise(plan, records, folder, ready.dataset)
        keep_best(plan, records, folder, report["best_on_dev"])
        write_report(folder, dataset=ready.dataset)
    return Ladder(folder, report)


def climb(plan: LadderPlan, folder: Path, *, work: Work, announce: Callable[[Turn], None]) -> dict[str, TaskRecord]:
    """Do all tasks of a plan that are not done; one that fails stops only those that need it.

    An engine does at a time what needs nothing that is not done yet; here, one task comes after the other.
    """
    tasks = plan.tasks()
    records: dict[str, TaskRecord] = {}
    with progress.task("climbing", total=len(tasks), unit="tasks") as advance:
        while len(records) < len(tasks):
            ready = [each for each in tasks if each.id not in records and all(need in records for need in each.needs)]
            wave = ready[:1] if is_here() else ready
            todo = [each for each in wave if _is_open(each, folder, records)]
            for each in todo:
                announce(Turn(each, tasks.index(each) + 1, len(tasks)))
            together = Tasks(folder.absolute(), tuple(each.id for each in todo), work)
            for _ in current_engine().each(together, range(len(todo))):
                pass  # each writes down what became of it
            records |= {each.id: read_record(folder, each.id) for each in wave}
            advance(len(wave))
    return records


def _is_open(task: Task, folder: Path, records: Mapping[str, TaskRecord]) -> bool:
    """Say whether a task is to be done; one that lacks what it needs is written down as failed."""
    record = read_record(folder, task.id)
    lacking = next((need for need in task.needs if records[need].state != "done"), None)
    if lacking is None:
        return record.state != "done" or bool(damage_of(folder, task, record))
    because = _because(lacking, records[lacking])
    write_record(folder, task.id, TaskRecord("failed", record.seconds, record.peak_gb, because))
    return False


def _keep(dataset: Dataset, place: Path) -> None:
    """Write a dataset where other processes can read it."""
    if not (is_parquet_folder(place) and is_done(place)):
        with replacing_folder(place) as temporary:
            dataset.write(temporary)
    elif read_dataset(place).fingerprint != dataset.fingerprint:
        raise RunError(f"{place} holds another dataset than {dataset.name}; name another folder for the ladder")


def damage_of(folder: Path, task: Task, record: TaskRecord) -> list[Path]:
    """List what a task that is done left and what is damaged by now; doing it again makes just that anew."""
    place = {"climb": folder / "rungs" / task.rung, "test": folder / "rungs" / task.rung / "evaluation"}.get(task.kind)
    if place is None and "folder" in record.found:
        place = folder / record.found["folder"]
    return [] if place is None else damage_below(place)


def _because(need: str, record: TaskRecord) -> str:
    return (
        record.message if record.message.startswith("it needs ") else f"it needs {need}, which failed: {record.message}"
    )
