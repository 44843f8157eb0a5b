"""Leave for models to run the code that they bring with them, given to all parts of an experiment at once."""

from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

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
