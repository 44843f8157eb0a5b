"""Leave for models to run the code that they bring with them, given to all parts of an experiment at once."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hardneg.recipe.recipe import Recipe
from hardneg.sources import Dense

Component = TypeVar("Component")

_KEY = "trust_remote_code"


def trusting(components: Sequence[Component]) -> tuple[Component, ...]:
    """Let the models of components, and of what they hold, run code of their own."""
    return tuple(_trusting(each) for each in components)


def trusting_recipe(recipe: Recipe) -> Recipe:
    """Let every model of a recipe run code of its own, those of all its stages too."""
    return replace(
        _trusting_part(recipe),
        teachers=trusting(recipe.teachers),
        stage=tuple(_trusting_part(stage) for stage in recipe.stage),
    )


def measuring_with(model: str, recipe: Recipe) -> Dense:
    """Measure with a model as a recipe says; what its own code may do in training it may do here."""
    return Dense(model=model, max_tokens=recipe.evaluate.max_tokens, trust_remote_code=recipe.trusts)


def _trusting_part(part: Any) -> Any:  # noqa: ANN401 - a recipe or one of its stages
    return replace(part, sources=trusting(part.sources), filters=trusting(part.filters), train=_trusting(part.train))


def _trusting(component: Any) -> Any:  # noqa: ANN401 - components of every room
    if not is_dataclass(component) or isinstance(component, type):
        return component
    names = [each.name for each in fields(component) if each.init]
    held = {name: _trusting(getattr(component, name)) for name in names if is_dataclass(getattr(component, name))}
    return replace(component, **held, **({_KEY: True} if _KEY in names else {}))
