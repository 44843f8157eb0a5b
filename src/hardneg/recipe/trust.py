"""Leave for models to run the code that they bring with them, given to all parts of an experiment at once."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from hardneg.recipe.recipe import Recipe
from hardneg.sources import Dense

Part = TypeVar("Part")

_KEY = "trust_remote_code"


def trusting(part: Part) -> Part:
    """Let the models of a recipe, a component or a tuple of them, and of all that it holds, run code of their own."""
    if type(part) is tuple:
        return cast("Part", tuple(trusting(each) for each in cast("tuple[object, ...]", part)))
    if not is_dataclass(part) or isinstance(part, type):
        return part
    values = {each.name: getattr(part, each.name) for each in fields(part) if each.init}
    new = {name: True if name == _KEY else trusting(value) for name, value in values.items()}
    return cast("Part", replace(part, **new))


def measuring_with(model: str, recipe: Recipe) -> Dense:
    """Measure with a model as a recipe says; what its own code may do in training it may do here."""
    return Dense(model=model, max_tokens=recipe.evaluate.max_tokens, trust_remote_code=recipe.trusts)


def code_of(recipe: Recipe) -> dict[str, list[str]]:
    """List the code of others that a recipe runs: components by `module:Class`, and models that may run their own."""
    components, models = set[str](), set[str]()
    for table in _tables(tomllib.loads(recipe.resolved())):
        if isinstance(table.get("use"), str) and ":" in table["use"]:
            components.add(table["use"])
        if table.get(_KEY) is True:
            models.add(str(table.get("model") or table.get("guide") or recipe.model))
    named = {"components": sorted(components), "models": sorted(models)}
    return {kind: names for kind, names in named.items() if names}


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _tables(inner)
