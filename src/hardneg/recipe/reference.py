"""Every key of a recipe as a page of documentation, taken from the classes themselves."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping

from hardneg.components import Field, Room, Rooms, as_table, is_required, settable_fields
from hardneg.negatives import Selection
from hardneg.recipe.recipe import Recipe
from hardneg.recipe.rooms import FILTER, SELECT, SOURCE, TRAIN
from hardneg.recipe.settings import Also, EvaluateSettings, FromCode, FromPath, FromPython, MineSettings
from hardneg.recipe.stage import Stage
from hardneg.recipe.toml import toml_value
from hardneg.sources import Dense, Random, Related
from hardneg.training.lora import LoRA
from hardneg.training.pool.settings import Queue
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.curriculum import Curriculum
from hardneg.training.sampling.replacement import Replacement
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.settings import Watch

_TABLES: Mapping[str, tuple[type, Rooms]] = {
    "[dataset]` to read": (FromPath, {}),
    "[dataset]` to build from Python": (FromPython, {}),
    "[dataset]` to build from any language": (FromCode, {}),
    "[mine]`": (MineSettings, {}),
    "[select]`": (Selection, SELECT),
    "[train]`": (TrainSettings, TRAIN),
    "[train.queue]`": (Queue, {}),
    "[train.curriculum]`": (Curriculum, {}),
    "[train.refresh]`": (Refresh, {}),
    "[train.replacement]`": (Replacement, {}),
    "[train.watch]`": (Watch, {}),
    "[train.lora]`": (LoRA, {}),
    "[evaluate]`": (EvaluateSettings, {}),
}
_SUPPLIED: Mapping[tuple[type, str], str] = {
    (Recipe, "name"): "name of the file",
    (TrainSettings, "seed"): "`seed` of the recipe",
    (Random, "seed"): "`seed` of the recipe",
    (Dense, "model"): "`model` of the recipe",
    (Related, "split"): "`split` of `[mine]`",
    (Stage, "name"): "`stage` and its number",
} | {(Stage, key): "that of the recipe" for key in ("sources", "filters", "mine", "select", "train")}
_TEACHERS = (
    "The scorers above, for [distillation](distillation.md); each has a `name` of its own. Here `activation` is "
    '`"identity"` unless the table gives it.'
)
_ROOMS = {"sources": SOURCE, "filters": FILTER}


def reference() -> str:
    """Write the keys, defaults and meanings of every table of a recipe as Markdown."""
    parts = ["### Top level", _keys(Recipe, {}, only=("name", "model", "seed", "seeds"))]
    for key, (cls, rooms) in _TABLES.items():
        parts += [f"### `{key}", _keys(cls, rooms), *_room_parts(rooms)]
    for key, room in _ROOMS.items():
        parts += [f"### `[[{key}]]`", *_members(room, "use")]
        for inner, its_room in room.inner.items():
            parts += [f"### `{inner} = {{ use = … }}` in `[[{key}]]`", *_members(its_room, "use")]
    parts += ["### `[[teachers]]`", _TEACHERS]
    parts += ["### `[[also]]`", _keys(Also, {})]
    parts += ["### `[[stage]]`", _keys(Stage, {})]
    return "\n\n".join(parts) + "\n"


def updated(page: str) -> str:
    """Give a page's text with the reference anew below the line that announces it."""
    head, mark, rest = page.partition("<!-- reference:")
    if not mark:
        raise ValueError("the page has no line that begins with '<!-- reference:'")
    return head + mark + rest.partition("-->")[0] + "-->\n\n" + reference()


def meanings(cls: type) -> dict[str, str]:
    """Read what each argument means from the `Args` sections of a class and of those that it builds on."""
    text = "\n".join(inspect.cleandoc(each.__doc__ or "") for each in reversed(cls.__mro__))
    sections = re.findall(r"^Args:\n((?:    .*\n|\n)*)", text + "\n", re.MULTILINE)
    entries = [entry for section in sections for entry in re.split(r"^    (?=\w+: )", section, flags=re.MULTILINE)]
    return {name: " ".join(text.split()) for name, _, text in (each.partition(": ") for each in entries) if text}


def _room_parts(rooms: Rooms) -> Iterator[str]:
    for key, room in rooms.items():
        yield from _members(room, key)


def _members(room: Room, key: str) -> Iterator[str]:
    for name, cls in room.members.items():
        summary = " ".join(inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())
        yield f"#### `{key} = {toml_value(name)}`\n\n{summary}"
        if settable_fields(cls):
            yield _keys(cls, room.rooms_of(cls))


def _keys(cls: type, rooms: Rooms, *, only: tuple[str, ...] = ()) -> str:
    text = {name: meaning.replace("|", r"\|") for name, meaning in meanings(cls).items()}
    rows = [
        f"| `{name}` | {_default(cls, each, rooms.get(name))} | {text.get(name, '')} |"
        for name, each in settable_fields(cls).items()
        if not only or name in only
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def _default(cls: type, each: Field, room: Room | None) -> str:
    if (cls, each.name) in _SUPPLIED:
        return _SUPPLIED[cls, each.name]
    if is_required(each):
        return "must be given"
    factory = each.default_factory
    value = each.default if factory is dataclasses.MISSING else factory()
    if value is None:
        return "not set"
    return f"`{toml_value(value if room is None else as_table(value, room=room))}`"
