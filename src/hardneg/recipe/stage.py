"""A stage of training: what it mines, and how it trains the model that the stage before it made."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeVar

from hardneg.components import settable_fields
from hardneg.errors import RecipeError
from hardneg.filters import Filter
from hardneg.negatives import Selection
from hardneg.place import nearest
from hardneg.recipe.rooms import FILTER
from hardneg.recipe.settings import MineSettings
from hardneg.sources import Source
from hardneg.training.settings import TrainSettings

Component = TypeVar("Component")

_TRAINED = "stage:"
_TAKEN = ("bm25", "zero_shot", "in_batch", "mined")  # other rows of the table


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One training, from the model that the stage before it made; the first from the recipe's model.

    What a stage does not say is as at the top of the recipe; of `train`, `mine` and `select` it may name single keys.

    Args:
        name: What to call it; letters, digits, `-` and `_`. The row of its model in the table has this name, but for
            the last stage's, which is called "mined".
        sources: Where its candidates come from; `sources = []` trains without mined negatives. A dense source that
            names no model mines with that of the stage before; `model = "stage:NAME"` with that of any earlier one.
        filters: Why a candidate may not be a negative.
        mine: Which queries are mined for and trained on, and how deep.
        select: How negatives are chosen among the rest.
        train: How the model is trained.

    Raises:
        RecipeError: The parts do not fit together.
    """

    name: str
    sources: tuple[Source, ...]
    filters: tuple[Filter, ...]
    mine: MineSettings
    select: Selection
    train: TrainSettings

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        if not names and not self.train.in_batch:
            raise RecipeError("sources: there are none, and in_batch is false, so nothing is left to train against")
        if not all(name.strip() for name in names):
            raise RecipeError("sources: a name is empty; leave 'name' out for the default, or give another")
        if len(set(names)) < len(names):
            raise RecipeError(f"sources: two share a name ({', '.join(names)}); give one another 'name'")
        for key, named in self._references() if names else ():
            if named not in names:
                raise RecipeError(f"{key}: no source is called {named!r}; {nearest(named, names)}")

    @property
    def needs(self) -> frozenset[str]:
        """Names of the stages whose models it mines with."""
        return frozenset().union(*map(stages_in, (*self.sources, *self.filters)))

    def with_models(self, models: Mapping[str, str]) -> Self:
        """Put the folders of trained models in place of the stages that sources and filters name.

        Args:
            models: Folders by name of the stage.

        Returns:
            A stage that can be mined; in its components' text form, models are still called by their stage.
        """
        folders = {_TRAINED + name: _Folder(path, _TRAINED + name) for name, path in models.items()}
        return replace(
            self,
            sources=tuple(_placed(each, folders) for each in self.sources),
            filters=tuple(_placed(each, folders) for each in self.filters),
        )

    def _references(self) -> Iterator[tuple[str, str]]:
        """List where hardneg's own parts name a source: (key, name)."""
        shipped = [each for each in self.filters if type(each) in FILTER.members.values()]
        parts = [(f"filters: {each.name}", each) for each in shipped]
        for key, part in [*parts, ("select", self.select)]:
            for attribute in ("source", "score"):
                named = getattr(part, attribute, None)
                if isinstance(named, str):
                    yield f"{key}.{attribute}", named
        for named in self.select.quotas or ():
            yield "select.quotas", named
        for named in (self.train.curriculum.shares or ()) if self.train.curriculum else ():
            yield "train.curriculum.shares", named


def trained_in(name: str) -> str:
    """Name the model that a stage trains, as a component of a later stage may write it."""
    return _TRAINED + name


def stages_in(component: object) -> frozenset[str]:
    """Name the stages whose models a component works with."""
    if isinstance(component, str) and component.startswith(_TRAINED):
        return frozenset({component.removeprefix(_TRAINED)})
    if dataclasses.is_dataclass(component) and not isinstance(component, type):
        return frozenset().union(*(stages_in(getattr(component, name)) for name in settable_fields(type(component))))
    return frozenset()


def check_order(stages: Sequence[Stage]) -> None:
    """Make sure that stages can be told apart and mine with the models of earlier ones only."""
    for number, stage in enumerate(stages, start=1):
        earlier, place = [each.name for each in stages[: number - 1]], f"stage[{number}]"
        if len(stages) > 1 and (stage.name in _TAKEN or not re.fullmatch(r"[A-Za-z0-9_-]+", stage.name)):
            raise RecipeError(f"{place}.name: {stage.name!r} is taken or has other than letters, digits, - and _")
        if stage.name in earlier:
            raise RecipeError(f"{place}.name: an earlier stage is called {stage.name!r} too; give one another name")
        for name in sorted(stage.needs - set(earlier)):
            names = ", ".join(earlier) or "none"
            raise RecipeError(
                f"{place}: mines with the model of {name!r}, which is no earlier stage (those are: {names})"
            )


class _Folder(str):
    """A model's folder that shows itself by its stage: what was mined stays valid when the run folder is moved."""

    stage: str

    def __new__(cls, path: str, stage: str) -> Self:
        folder = super().__new__(cls, path)
        folder.stage = stage
        return folder

    def __repr__(self) -> str:
        return repr(self.stage)


def _placed(component: Component, folders: Mapping[str, str]) -> Component:
    if not dataclasses.is_dataclass(component) or isinstance(component, type):
        return component
    values = {name: getattr(component, name) for name in settable_fields(type(component))}
    new = {name: folders.get(v, v) if isinstance(v, str) else _placed(v, folders) for name, v in values.items()}
    changed = {name: value for name, value in new.items() if value is not values[name]}
    return replace(component, **changed) if changed else component
