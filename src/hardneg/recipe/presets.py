"""What is hard in one domain, as a part of a recipe: where candidates come from and what is kept out."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from hardneg.place import Place, nearest
from hardneg.recipe.files import read_toml

KEY = "preset"


def shipped_presets() -> dict[str, Path]:
    """List the presets that come with hardneg, by name."""
    folder = Path(str(resources.files("hardneg"))) / "presets"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_preset(name: object, place: Place) -> dict[str, Any]:
    """Read a preset."""
    shipped = shipped_presets()
    if not isinstance(name, str) or name not in shipped:
        raise place.error(f"no preset {name!r}; {nearest(str(name), shipped)}")
    return read_toml(shipped[name])


def with_preset(table: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Put the keys of the preset that a recipe names below its own."""
    own = {key: value for key, value in table.items() if key != KEY}
    return merged(read_preset(table[KEY], place.at(KEY)), own) if KEY in table else own


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change keys of a recipe; where both have a table, key by key. Another dataset takes nothing over."""
    dataset, new = table.get("dataset"), changes.get("dataset")
    if isinstance(new, Mapping):
        named = {"path": dataset} if isinstance(dataset, str) else dataset
        table = {**table, "dataset": None if "path" in new else named}
    tables = {key: {**table[key], **new} for key, new in changes.items() if _are_tables(table.get(key), new)}
    return {**table, **changes, **tables}


def _are_tables(*values: object) -> bool:
    return all(isinstance(value, Mapping) for value in values)
