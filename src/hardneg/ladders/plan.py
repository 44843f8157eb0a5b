"""What a ladder will do, written down before it begins: rungs, steps of work, and what each will take."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hardneg.components import as_table, build
from hardneg.errors import RunError
from hardneg.files import from_toml, write_json
from hardneg.ladders.rungs import Rung
from hardneg.ladders.splits import Splits
from hardneg.losses.weighted_sum import needs_teacher
from hardneg.place import Place
from hardneg.recipe import Recipe, Stage
from hardneg.recipe.rooms import TRAIN
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.state import read_state, write_state
from hardneg.sources import Source
from hardneg.training.settings import TrainSettings

Kind = Literal["probe", "retrieve", "mine", "score", "climb", "test"]
State = Literal["begun", "done", "failed"]

PROBE = "probe"


@dataclass(frozen=True)
class Budget:
    """What each rung may use, the same for all that are trained."""

    steps: int | None = None
    minutes: float | None = None


@dataclass(frozen=True)
class Task:
    """One piece of work, done in a process of its own, once for all rungs that need it."""

    id: str
    kind: Kind
    rung: str
    stage: int = 0
    source: int = 0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskRecord:
    """What became of a task, in one small file a task."""

    state: State = "begun"
    seconds: float = 0.0
    peak_gb: float = 0.0
    message: str = ""
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LadderPlan:
    """All that decides what a ladder does."""

    dataset: str
    skip_invalid: bool
    fingerprint: str
    splits: Splits
    rungs: tuple[Rung, ...]
    left_out: Mapping[str, str]
    seeds: tuple[int, ...]
    training: TrainSettings
    budget: Budget
    tune: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    shared_queries: Mapping[str, int] = field(default_factory=dict)
    estimates: Mapping[str, float] = field(default_factory=dict)
    probe: Mapping[str, Any] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """The measure that rungs are compared and chosen by."""
        return self.rungs[0].recipe.evaluate.deciding

    def rung(self, name: str) -> Rung:
        """Find a rung by name."""
        return next(rung for rung in self.rungs if rung.name == name)

    def tasks(self) -> list[Task]:
        """Lay out all work in order: what sources find, then rung by rung, and the test at the very end.

        Sources come first, so that the vectors of the documents are part of the cost of the rungs that mine with them,
        and not of whoever is measured first.
        """
        tasks: dict[str, Task] = {}
        for rung in self.rungs:
            needs = [task for task in _shared_work(rung) if rung.is_trained]
            for task in needs:
                tasks.setdefault(task.id, task)
            climb = Task(f"climb-{rung.name}", "climb", rung.name, needs=tuple(task.id for task in needs))
            tasks[climb.id] = climb
        tests = [Task(f"test-{rung.name}", "test", rung.name, needs=(f"climb-{rung.name}",)) for rung in self.rungs]
        climbs = sorted(tasks.values(), key=lambda task: task.kind != "retrieve")
        return [*climbs, *tests]

    def variants(self, rung: Rung) -> list[dict[str, Any]]:
        """List the settings to choose among for a rung; the only one is empty if nothing is tuned."""
        if not rung.is_trained or self.splits.dev is None:
            return [{}]
        choices: list[dict[str, Any]] = [{}]
        for key, values in self.tune.items():
            choices = [{**one, key: value} for one in choices for value in values]
        return choices

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, recipes as TOML."""
        rungs = [{**_fields(rung), "recipe": rung.recipe.resolved()} for rung in self.rungs]
        training = as_table(self.training, rooms=TRAIN)
        return {**asdict(replace(self, rungs=(), training=TrainSettings())), "rungs": rungs, "training": training}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, foreign: bool = False) -> "LadderPlan":
        """Build a plan from what `as_dict` gave; a `foreign` one may be another's than the user's."""
        rungs = [Rung(**{**each, "recipe": _recipe(each, foreign=foreign)}) for each in values["rungs"]]
        return cls(
            **{
                **values,
                "splits": Splits(**values["splits"]),
                "rungs": tuple(rungs),
                "seeds": tuple(values["seeds"]),
                "training": build(
                    TrainSettings, values["training"], Place(Path(PLAN), "training", foreign), rooms=TRAIN
                ),
                "budget": Budget(**values["budget"]),
                "tune": {key: tuple(options) for key, options in values["tune"].items()},
            }
        )


def _recipe(rung: Mapping[str, Any], *, foreign: bool) -> Recipe:
    return Recipe.from_table(from_toml(rung["recipe"]), place=f"rung {rung['name']}", foreign=foreign)


PLAN, DRAFT = layout.PLAN, layout.DRAFT


def write_plan(plan: LadderPlan, folder: Path, *, name: str = PLAN) -> None:
    """Write `plan.json`, or a draft of it."""
    write_state(folder / name, plan.as_dict())


def read_plan(folder: Path, *, name: str = PLAN) -> LadderPlan | None:
    """Read `plan.json`, or its draft; None if there is none, a RunError if it is damaged."""
    state = read_state(folder / name, keys=("dataset", "rungs", "budget", "probe"))
    try:
        return LadderPlan.from_dict(state, foreign=True) if state else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{folder / name} is damaged ({error}); delete it, or name another folder") from error


def read_record(folder: Path, task: str) -> TaskRecord:
    """Read what became of a task; one that nobody began has just begun, and so has one whose record is damaged."""
    if not is_done(_path(folder, task)):
        return TaskRecord()
    state = read_state(_path(folder, task), keys=("state", "seconds", "peak_gb"))
    return TaskRecord(**state) if state else TaskRecord()


def write_record(folder: Path, task: str, record: TaskRecord) -> None:
    """Write down what became of a task."""
    write_json(_path(folder, task), asdict(record))


def _path(folder: Path, task: str) -> Path:
    return folder / "tasks" / f"{task}.json"


def check_same(before: LadderPlan, now: LadderPlan, folder: Path) -> None:
    """Make sure that a ladder goes on as it was begun; rungs may be added or left out."""
    fields = ("fingerprint", "splits", "seeds", "budget", "tune")
    differing = [name for name in fields if getattr(before, name) != getattr(now, name)]
    rungs = {rung.name: rung for rung in before.rungs}
    differing += [
        f"rung {rung.name}"
        for rung in now.rungs
        if rung.name in rungs and _without_steps(rungs[rung.name]) != _without_steps(rung)
    ]
    if differing:
        raise RunError(
            f"{folder} holds a ladder with another {', '.join(differing)}; name another folder with -o, or delete "
            "this one to climb anew"
        )


def _without_steps(rung: Rung) -> str:
    stages = [replace(stage, train=_open_ended(stage)) for stage in rung.recipe.stage]
    top = replace(rung.recipe, train=_open_ended(rung.recipe), stage=tuple(stages))
    return f"{rung.measures} {rung.refreshes} {top.fingerprint}"


def _open_ended(part: Recipe | Stage) -> Any:  # noqa: ANN401
    refresh = part.train.refresh and replace(part.train.refresh, every=1, rescore_every=None)
    return replace(part.train, max_steps=None, refresh=refresh)


def _fields(rung: Rung) -> dict[str, Any]:
    return {"name": rung.name, "about": rung.about, "measures": rung.measures, "refreshes": rung.refreshes}


def _shared_work(rung: Rung) -> Iterator[Task]:
    """List what a rung needs that others may need too: not what is mined with models that it trains itself."""
    for number, stage in enumerate(rung.recipe.stages):
        if not stage.sources or stage.needs:
            continue
        asked = [_retrieve(rung, number, stage, at) for at in range(len(stage.sources))]
        yield from asked
        mining = _key(stage, rung.recipe)
        needs = tuple(task.id for task in asked)
        yield Task(f"mine-{mining}", "mine", rung.name, number, needs=needs)
        if rung.recipe.teachers and needs_teacher(stage.train.loss):
            scoring = _digest([mining, *map(repr, rung.recipe.teachers)])
            yield Task(f"score-{scoring}", "score", rung.name, number, needs=(f"mine-{mining}",))


def _retrieve(rung: Rung, number: int, stage: Stage, at: int) -> Task:
    source: Source = stage.sources[at]
    key = _digest([repr(source), repr(stage.mine)])
    return Task(f"retrieve-{source.name}-{key}", "retrieve", rung.name, number, at)


def _key(stage: Stage, recipe: Recipe) -> str:
    parts: Sequence[object] = (stage.sources, stage.filters, stage.select, stage.mine, recipe.seed)
    return _digest([*map(repr, parts), repr(stage.train.max_pairs), repr(recipe.seeds)])


def _digest(parts: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=4).hexdigest()
