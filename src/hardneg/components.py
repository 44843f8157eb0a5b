"""Building frozen dataclasses from tables of a recipe or from names, and turning them back into tables."""

import ast
import dataclasses
import functools
import importlib
import json
import sys
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, cast, get_args, get_origin

from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError

from hardneg.arguments import shown
from hardneg.errors import InputError, RecipeError
from hardneg.leave import refused_file, refused_model, refused_module, refused_server
from hardneg.place import Place, nearest

Field = dataclasses.Field[Any]


@dataclass(frozen=True)
class Room:
    """One kind of component: what may be named in `use`."""

    kind: str
    members: Mapping[str, type]
    protocol: type | None = None
    inner: "Rooms" = field(default_factory=dict)
    total: type | None = None

    def rooms_of(self, cls: type) -> "Rooms":
        """Give the inner rooms that the fields of a member take their values from, by field."""
        fields = settable_fields(cls)
        return {key: room for key, room in self.inner.items() if key in fields and _takes(fields[key], room)}

    def name_of(self, component: object) -> str:
        """Give the name that `use` has for a component: that of the map, or `module:Class`."""
        names = [name for name, member in self.members.items() if type(component) is member]
        return names[0] if names else f"{type(component).__module__}:{type(component).__qualname__}"


Rooms = Mapping[str, Room]


def build(cls: type, table: object, place: Place, *, rooms: Rooms | None = None) -> Any:  # noqa: ANN401
    """Build a dataclass from a table; keys that the table lacks keep their default."""
    if not isinstance(table, Mapping):
        raise place.error(f"must be a table, not {shown(table)}")
    fields = settable_fields(cls)
    check_keys(table, fields, place)
    values = {}
    for key, value in table.items():
        room, inner = (rooms or {}).get(key), inner_table(fields[key])
        if room is not None:
            values[key] = pick(room, value, place.at(key))
        elif inner is not None:
            values[key] = build(inner, value, place.at(key))
        else:
            values[key] = typed(fields[key], value, place.at(key))
    if place.foreign and values.get("trust_remote_code") and (reason := refused_model(values.get("model"))):
        raise place.error(reason)
    native = values.get(getattr(cls, "native_file", ""))
    if place.foreign and native is not None and (reason := refused_file(native)):
        raise place.error(reason)
    server = values.get(getattr(cls, "server", ""))
    if place.foreign and server is not None and (reason := refused_server(server)):
        raise place.error(reason)
    lacking = [name for name, each in fields.items() if name not in values and is_required(each)]
    if lacking:
        raise place.error(f"{lacking[0]!r} must be given")
    try:
        return cls(**values)
    except (InputError, ValueError) as error:
        raise place.error(str(error)) from error


def pick(room: Room, value: object, place: Place, *, fallbacks: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401
    """Build the component that a table names in `use`; a bare string names one with all its defaults."""
    if room.total is not None and isinstance(value, list | tuple):
        return _total(room, value, place, fallbacks=fallbacks)
    table = {"use": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("use"), str):
        raise place.error(f"must name a {room.kind} by the key 'use' (known: {', '.join(room.members)})")
    name = table["use"]
    outside = room.protocol is not None and ":" in name
    if not outside and name not in room.members:
        hint = "" if room.protocol is None else "; write your own as 'module:Class'"
        raise place.error(f"unknown {room.kind} {name!r}; {nearest(name, room.members)}{hint}")
    cls = _imported(name, place) if outside else room.members[name]
    if outside and place.foreign and not _has_methods(cls, room.protocol):  # nothing else is even built
        raise place.error(f"{name!r} is not a {room.kind}")
    usable = {key: each for key, each in (fallbacks or {}).items() if key in settable_fields(cls)}
    given = usable | {key: each for key, each in table.items() if key != "use"}
    component = build(cls, given, place, rooms=room.rooms_of(cls))
    if room.protocol is not None and not isinstance(component, room.protocol):
        raise place.error(f"{name!r} is not a {room.kind}: it lacks something that {room.protocol.__name__} asks for")
    return component


def parse_component(text: str) -> dict[str, Any]:
    """Turn a component's text into the table that a recipe would hold.

    >>> parse_component("positive_margin(ratio=0.9)")
    {'use': 'positive_margin', 'ratio': 0.9}
    """
    name, bracket, options = text.strip().partition("(")
    try:
        if not name or ")" in name:
            raise ValueError
        return {"use": name} | (_options(options) if bracket else {})
    except (SyntaxError, TypeError, ValueError, MemoryError, RecursionError):  # the last two: nested too deeply
        raise RecipeError(f"{shown(text)}: write a name, or a name with options: bm25(k1=1.2, b=0.5)") from None


def _options(text: str) -> dict[str, Any]:
    call = ast.parse(f"_({text}", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError
    if any(option.arg is None for option in call.keywords):
        raise ValueError
    return {str(option.arg): ast.literal_eval(option.value) for option in call.keywords}


def picked(
    room: Room, values: object, place: Place, *, fallbacks: Mapping[str, object] | None = None
) -> tuple[Any, ...]:
    """Take a list of components as Python gives it: objects, names, names with options, or tables as in a recipe."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise place.error(f"must be a list, as [{shown(values)}], not {shown(values)}")
    return tuple(taken(room, each, place.at(n), fallbacks=fallbacks) for n, each in enumerate(values, start=1))


def taken(room: Room, value: object, place: Place, *, fallbacks: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401
    """Take a component as Python gives it: an object, a name, a name with options, or a table as in a recipe."""
    if isinstance(value, str):
        try:
            return pick(room, parse_component(value), place, fallbacks=fallbacks)
        except InputError as error:
            raise error if str(error).startswith(str(place.file)) else place.error(str(error)) from None
    if isinstance(value, Mapping) or (room.total is not None and isinstance(value, list | tuple)):
        return pick(room, value, place, fallbacks=fallbacks)
    offered = room.protocol or tuple(room.members.values())
    if isinstance(value, type) or not isinstance(value, offered):
        raise place.error(f"{shown(value)} is no {room.kind}; give one, or a name (known: {', '.join(room.members)})")
    return value


def settle(component: object, place: Place, *, rooms: Rooms | None = None) -> None:
    """Check the values that a dataclass was given in Python as `build` checks those of a table.

    For `__post_init__` of frozen dataclasses: names of components become components, tables what they stand for, and
    lists tuples.
    """
    for name, each in settable_fields(type(component)).items():
        value, room, inner, at = getattr(component, name), (rooms or {}).get(name), inner_table(each), place.at(name)
        if (value is None and type(None) in get_args(each.type)) or get_origin(each.type) is Literal:
            continue  # a class checks its own literals
        if room is not None:
            new = taken(room, value, at)
        elif inner is not None:
            new = value if isinstance(value, inner) else build(inner, value, at)
        else:
            new = _plain(value)
            checked = typed(each, new, at)
            new = checked if isinstance(checked, tuple) else new
        if new is not value:
            object.__setattr__(component, name, new)


def _plain(value: object) -> object:
    """Give a number of NumPy as one of Python."""
    is_number = type(value).__module__ == "numpy" and not getattr(value, "shape", ()) and hasattr(value, "item")
    return cast("Any", value).item() if is_number else value


def as_table(
    component: object, *, room: Room | None = None, rooms: Rooms | None = None, nulls: bool = False
) -> dict[str, Any]:
    """Turn a component into the table that `build`, or `pick` if a room is given, makes it from.

    Values that are None are left out: TOML has no such value, so no recipe can have set one. JSON has: with `nulls`,
    those that are no default are kept.
    """
    table: dict[str, Any] = {} if room is None else {"use": room.name_of(component)}
    inner_rooms = (rooms or {}) if room is None else room.rooms_of(type(component))
    for name, each in settable_fields(type(component)).items():
        value = getattr(component, name)
        inner = inner_rooms.get(name)
        if value is None:
            table |= {name: None} if nulls and each.default is not None else {}
        elif inner is not None:
            table[name] = as_value(value, inner, nulls=nulls)
        else:
            table[name] = as_table(value, nulls=nulls) if dataclasses.is_dataclass(value) else value
    return table


def as_value(component: object, room: Room, *, nulls: bool = False) -> dict[str, Any] | list[dict[str, Any]]:
    """Turn a component into what `pick` makes it from: a table, or an array of them for a sum."""
    if room.total is None or not isinstance(component, room.total):
        return as_table(component, room=room, nulls=nulls)
    terms = cast("Any", component).terms()
    return [{**as_table(part, room=room, nulls=nulls), "weight": weight} for part, weight in terms]


def as_json(component: object, room: Room) -> dict[str, Any]:
    """Turn a component into the table that `pick` makes it from, in values of JSON; a TypeError says what has none."""
    if not dataclasses.is_dataclass(component):
        raise TypeError(f"a {type(component).__name__}, which no recipe could name")
    return cast("dict[str, Any]", json.loads(json.dumps(as_table(component, room=room, nulls=True), default=_path)))


def _path(value: object) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a {type(value).__name__}, which no recipe could name")


def _total(room: Room, values: Sequence[object], place: Place, *, fallbacks: Mapping[str, object] | None) -> Any:  # noqa: ANN401
    """Build the sum that an array of tables stands for; a part without a `weight` counts once."""
    parts, weights = [], []
    for number, value in enumerate(values, start=1):
        at, table = place.at(number), dict(value) if isinstance(value, Mapping) else value
        weight = table.pop("weight", 1.0) if isinstance(table, dict) else 1.0
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise at.at("weight").error(f"should be a number, not {weight!r}")
        parts.append(pick(room, table, at, fallbacks=fallbacks))
        weights.append(float(weight))
    try:
        return cast("type", room.total)(tuple(parts), tuple(weights))
    except InputError as error:
        raise place.error(str(error)) from error


def check_keys(table: Mapping[str, object], known: Collection[str], place: Place) -> None:
    """Refuse the first key that is not known, and name the nearest one that is."""
    for key in table:
        if key not in known:
            raise place.error(f"unknown key {key!r}; {nearest(key, known)}")


def typed(each: Field, value: object, place: Place) -> Any:  # noqa: ANN401
    """Check a value against the annotation of its field.

    Nothing is converted but arrays to tuples, whole numbers to floats, and paths to absolute ones.
    """
    if _is_object(each, value):
        return value
    try:
        checked = _adapter(cast("Hashable", each.type)).validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        problems = error.errors()
        wanted = " or ".join(dict.fromkeys(one["msg"].removeprefix("Input should be ") for one in problems))
        inner = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in problems[0]["loc"])
        raise place.error(f"should be {wanted}, not {shown(value)}{f' (at {inner})' if inner else ''}") from None
    if isinstance(checked, Path):
        return place.resolve(checked)
    may_be_path = Path in get_args(each.type) and isinstance(checked, str)
    return place.found(checked) if may_be_path else checked


def _is_object(each: Field, value: object) -> bool:
    """Say whether a value from Python is an object, such as a loaded model, that the field takes as it is."""
    if value is None or isinstance(value, str | int | float | Path | Mapping | Sequence):
        return False
    return any(isinstance(one, type) and isinstance(value, one) for one in get_args(each.type))


def settable_fields(cls: type) -> dict[str, Field]:
    """Give the fields of a dataclass that a recipe can set, by name."""
    return {each.name: each for each in dataclasses.fields(cls) if each.init}


def inner_table(each: Field) -> type | None:
    """Give the dataclass that a field holds, if its annotation is one, or one or None."""
    held = [one for one in (each.type, *get_args(each.type)) if isinstance(one, type) and dataclasses.is_dataclass(one)]
    return held[0] if len(held) == 1 else None


def is_required(each: Field) -> bool:
    """Say whether a field has no default."""
    return each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING


def _takes(each: Field, room: Room) -> bool:
    return room.protocol is not None and room.protocol in (each.type, *get_args(each.type))


@functools.cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:  # noqa: ANN401
    try:
        return TypeAdapter(annotation)
    except PydanticSchemaGenerationError:
        # A field may take an object, such as a loaded model, beside the plain values that TOML can hold.
        plain = [each for each in get_args(annotation) if each in (str, int, float, bool, Path)]
        return TypeAdapter(functools.reduce(lambda one, other: one | other, plain, None))


def _has_methods(cls: type, protocol: type | None) -> bool:
    methods = [key for key, value in vars(protocol).items() if callable(value) and not key.startswith("_")]
    return all(hasattr(cls, key) for key in methods)


def _imported(name: str, place: Place) -> type:
    module_name, _, attribute = name.partition(":")
    if place.foreign and (reason := refused_module(module_name)):
        raise place.error(reason)
    if "" not in sys.path:
        sys.path.append("")  # the user's own components may lie beside their work
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise place.error(f"cannot import {module_name!r}, named in {name!r}: {error}") from error
    cls = getattr(module, attribute, None)
    if cls is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise place.error(f"{module_name!r} has no {attribute!r}; {nearest(attribute, classes)}")
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise place.error(f"{name!r} is not a dataclass; components are frozen dataclasses")
    return cls
