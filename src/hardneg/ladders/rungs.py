"""The rungs of a ladder: recipes that differ in what they train against, and in nothing else."""

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from hardneg.components import build
from hardneg.errors import RecipeError
from hardneg.losses.weighted_sum import needs_teacher
from hardneg.place import Place, nearest
from hardneg.recipe import Recipe, Stage, shipped_presets, shipped_recipes
from hardneg.recipe.files import find_recipe, read_preset, read_toml
from hardneg.recipe.rooms import TRAIN
from hardneg.recipe.trust import measuring_with, trusting
from hardneg.sources import Source
from hardneg.sources.bm25 import bm25_of
from hardneg.training.settings import TrainSettings

Measures = Literal["bm25", "model", "trained"]

_GENERAL = "mined_filtered"
_SELECT = {"per_query": 4, "shortage": "fill_random"}
# What makes a rung: a recipe that gives what all rungs share hands on none of these.
_OWN = frozenset(
    {
        "loss",
        "curriculum",
        "refresh",
        "replacement",
        "queue",
        "clusters",
        "mask",
        "in_batch",
        "shared_negatives",
        "seed",
        "max_steps",
    }
)


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all rungs of a ladder share."""

    dataset: str
    model: str
    seed: int = 0
    seeds: tuple[int, ...] = (0,)
    mine: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    sources: Sequence[Mapping[str, Any]] = ()
    teachers: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Rung:
    """One rung."""

    name: str
    about: str
    recipe: Recipe
    measures: Measures = "trained"
    refreshes: int | None = None

    @property
    def is_trained(self) -> bool:
        """Whether anything is trained."""
        return self.measures == "trained"

    @property
    def needs_teacher(self) -> bool:
        """Whether it learns from a teacher's scores and names no teacher."""
        losses = (stage.train.loss for stage in self.recipe.stages)
        return self.is_trained and any(map(needs_teacher, losses)) and not self.recipe.teachers

    def system(self) -> Source:
        """Give what a rung that trains nothing searches with."""
        if self.measures == "bm25":
            return bm25_of(self.recipe.sources)
        return measuring_with(self.recipe.model, self.recipe)

    def with_steps(self, steps: int) -> "Rung":
        """Give the rung a number of steps in all; stages share them as they would share their epochs."""
        stages = self.recipe.stages
        whole = sum(stage.train.epochs for stage in stages)
        ends = [round(steps * sum(each.train.epochs for each in stages[: n + 1]) / whole) for n in range(len(stages))]
        parts = [max(1, end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
        cut = [self._cut(stage, part) for stage, part in zip(stages, parts, strict=True)]
        if self.recipe.stage:
            return replace(self, recipe=replace(self.recipe, stage=tuple(cut)))
        return replace(self, recipe=replace(self.recipe, train=cut[0].train))

    def with_settings(self, settings: Mapping[str, Any]) -> "Rung":
        """Give the rung other settings of training, written as in a recipe, in all its stages."""
        built: TrainSettings = build(TrainSettings, dict(settings), Place(Path("--tune")), rooms=TRAIN)
        values = {key: getattr(built, key) for key in settings}
        stages = tuple(replace(stage, train=replace(stage.train, **values)) for stage in self.recipe.stage)
        train = replace(self.recipe.train, **values)
        return replace(self, recipe=replace(self.recipe, train=train, stage=stages))

    def _cut(self, stage: Stage, steps: int) -> Stage:
        settings = replace(stage.train, max_steps=steps)
        if settings.refresh is not None and self.refreshes is not None:
            every = math.ceil(steps / (self.refreshes + 1))
            settings = replace(settings, refresh=replace(settings.refresh, every=every))
        return replace(stage, train=settings)


def shipped_rungs() -> dict[str, dict[str, Any]]:
    """Read the rungs that come with hardneg, from the bottom to the top, as tables by name."""
    return tomllib.loads(resources.files("hardneg.ladders").joinpath("rungs.toml").read_text(encoding="utf-8"))


def default_rungs() -> tuple[str, ...]:
    """Name the rungs that are climbed unless others are named."""
    return tuple(name for name, table in shipped_rungs().items() if not table.get("on_request"))


def build_rungs(names: Iterable[str], shared: Shared) -> list[Rung]:
    """Build rungs in the order given."""
    rungs = [_build(name, shared) for name in names]
    if shared.train.get("trust_remote_code"):
        rungs = [replace(rung, recipe=trusting(rung.recipe)) for rung in rungs]
    for rung in rungs:
        if any(stage.mine.verdicts is not None for stage in rung.recipe.stages):
            raise RecipeError(
                f"{rung.name} mines with verdicts, but all rungs share the labels of the dataset; "
                "leave mine.verdicts out"
            )
    called = [rung.name for rung in rungs]
    for name in called:
        if called.count(name) > 1:
            raise RecipeError(f"two rungs are called {name!r}; leave one out, or rename its file")
    return rungs


def with_preset_rung(names: Sequence[str], preset: str) -> tuple[str, ...]:
    """Put the rung of a preset above that of the general recipe, or on top if that is not climbed."""
    if preset in names:
        return tuple(names)
    at = names.index(_GENERAL) + 1 if _GENERAL in names else len(names)
    return (*names[:at], preset, *names[at:])


def shared_of(recipe: Recipe, *, given: bool) -> Shared:
    """Take from a recipe what all rungs can share."""
    tables = tomllib.loads(recipe.resolved())
    train = {key: value for key, value in tables["train"].items() if key not in _OWN}
    return Shared(
        dataset="",
        model=recipe.model,
        seed=recipe.seed,
        seeds=recipe.seeds,
        mine=tables["mine"],
        evaluate={key: value for key, value in tables["evaluate"].items() if key != "rows"},
        train=train if given else {"negatives_per_row": 1},
        sources=tables["sources"] if given else (),
        teachers=tables.get("teachers", ()),
    )


def _build(name: str, shared: Shared) -> Rung:
    shipped = shipped_rungs()
    if name in shipped:
        return _shipped(name, shipped[name], shared)
    if name in shipped_presets():
        return _preset(name, shared)
    try:
        file = find_recipe(name)
    except RecipeError:
        hint = nearest(name, [*shipped, *shipped_presets(), *shipped_recipes()])
        raise RecipeError(f"{name}: no rung, no preset, no recipe of hardneg and no recipe file; {hint}") from None
    table = read_toml(file)
    imposed = _imposed(shared) | {"train": {**shared.train, **table.get("train", {})}}
    recipe = Recipe.load(name, changes=imposed)
    if shared.teachers and Rung(file.stem, "", recipe).needs_teacher:
        recipe = Recipe.load(name, changes=imposed | {"teachers": list(shared.teachers)})
    return Rung(file.stem, f"recipe {name}", recipe)


def _shipped(name: str, table: dict[str, Any], shared: Shared) -> Rung:
    given = {each["use"]: each for each in shared.sources}
    sources = [dict(given.get(use, {"use": use})) for use in table.get("sources", ["bm25"])]
    recipe = {
        **_imposed(shared),
        "sources": sources,
        "filters": table.get("filters", []),
        "select": _SELECT | table.get("select", {}),
        "train": {**shared.train, **table.get("train", {})},
    }
    built = Rung(
        name,
        table["about"],
        Recipe.from_table(recipe, place=f"rung {name}"),
        table.get("measures", "trained"),
        table.get("refreshes"),
    )
    if not (shared.teachers and built.needs_teacher):
        return built
    full_recipe = Recipe.from_table(recipe | {"teachers": list(shared.teachers)}, place=f"rung {name}")
    return replace(built, recipe=full_recipe)


def _preset(name: str, shared: Shared) -> Rung:
    """Build the rung of a preset: its own sources, filters and selection, as many negatives as on other rungs."""
    place = Place(Path(f"rung {name}"))
    table = read_preset(name, place)
    given = {each["use"]: each for each in shared.sources}
    sources = [each if "name" in each else given.get(each["use"], {}) | each for each in table["sources"]]
    recipe = {
        **table,
        **_imposed(shared),
        "sources": sources,
        "mine": {**shared.mine, **table.get("mine", {})},
        "select": {**table.get("select", {}), **_SELECT},
        "train": {**shared.train, **table.get("train", {})},
    }
    return Rung(
        name, f"what is hard in the domain, by the preset {name}", Recipe.from_table(recipe, place=str(place.file))
    )


def _imposed(shared: Shared) -> dict[str, Any]:
    return {
        "dataset": shared.dataset,
        "model": shared.model,
        "seed": shared.seed,
        "seeds": list(shared.seeds),
        "mine": dict(shared.mine),
        "evaluate": {**shared.evaluate, "rows": []},
    }
