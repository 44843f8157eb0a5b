"""How to mine, as Python says it: the keywords that mining and its audits share, and the plan that they make."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from hardneg.arguments import check_texts, check_whole
from hardneg.components import build, picked
from hardneg.filters import Filter
from hardneg.models.given import Loaded
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.place import Place
from hardneg.recipe import MineSettings, Recipe, plan_of
from hardneg.recipe.rooms import FILTER, SELECT, SOURCE, default_filters
from hardneg.sources import Source

Verb = TypeVar("Verb", bound=Callable[..., Any])


class How(TypedDict, total=False):
    """How to mine, as `mine` takes it and explains it."""

    recipe: Recipe | Path | str | None
    preset: str | None
    model: str | Path | Loaded | None
    split: str | None
    sources: Sequence[Source | str | Mapping[str, Any]] | None
    filters: Sequence[Filter | str | Mapping[str, Any]] | None
    select: Selection | Mapping[str, Any] | None
    per_query: int | None
    depth: int | None
    seed: int | None
    block_size: int | None


def spells_out(verb: Verb) -> Verb:
    """Have `help` and editors list each key of `How` among the keyword arguments of a verb that takes them."""
    given = inspect.signature(verb)
    parameters = [each for each in given.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    for name, kind in How.__annotations__.items():
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind))
    verb.__signature__ = given.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions may have one
    return verb


def plan_from(purpose: str, **how: Unpack[How]) -> tuple[Plan, MineSettings]:
    """Make a plan of what `mine` and the audits of it are given."""
    given = {name: value for name, value in how.items() if value is not None}
    wrong = next((name for name in given if name not in How.__annotations__), None)
    if wrong is not None:
        raise TypeError(f"{purpose}() got an unexpected keyword argument {wrong!r}")
    mining = _only(given, "split", "depth", "block_size")
    check_texts(purpose, **_only(given, "split"))
    check_whole(purpose, least=1, **_only(given, "depth", "block_size", "per_query"))
    check_whole(purpose, least=0, **_only(given, "seed"))
    recipe, sources, filters = how.get("recipe"), how.get("sources"), how.get("filters")
    place = Place(Path(purpose))
    if isinstance(recipe, Recipe):
        if _only(given, "preset", "model"):
            raise place.error("a preset and a model are parts of a recipe: name them where it is loaded")
        base = replace(recipe, mine=replace(recipe.mine, **mining), **_only(given, "seed"))
    else:
        changes = {"dataset": "-", "mine": mining, **_only(given, "seed", "preset", "model")}
        base = Recipe.from_table(changes, place=purpose) if recipe is None else Recipe.load(recipe, changes=changes)
    plan = plan_of(base, seed=base.seed)
    fallbacks = {"seed": base.seed, "model": base.model, "split": plan.split}
    if sources is not None:
        plan = replace(plan, sources=picked(SOURCE, sources, place.at("sources"), fallbacks=fallbacks))
    if filters is not None:
        plan = replace(plan, filters=picked(FILTER, filters, place.at("filters"), fallbacks={"seed": base.seed}))
    elif sources is not None and recipe is None and "preset" not in given:
        plan = replace(plan, filters=default_filters(plan.sources))
    select = given.get("select", plan.select)
    if not isinstance(select, Selection):
        select = build(Selection, select, place.at("select"), rooms=SELECT)
    return replace(plan, select=replace(select, **_only(given, "per_query"))), base.mine


def _only(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}
