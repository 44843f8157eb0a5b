"""Recipe files and presets: those of the user, and those that hardneg ships."""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from hardneg.errors import RecipeError
from hardneg.files import from_toml, named_path
from hardneg.place import Place, nearest
from hardneg.runs import layout

PRESET = "preset"  # the key of a recipe that names one

# Beside a recipe they tell that it was written by a run, or came with a model.
_OF_RUNS = (layout.MANIFEST, layout.PLAN, layout.DRAFT, layout.LADDER, layout.FIT, layout.PULLED, "modules.json")
_UP = 3  # a run has recipes in race/NAME/, rungs/NAME/ and best/ too
_OF_HUBS = ("models--", "datasets--", "spaces--")  # how folders of a Hub's cache begin
_CACHES = ("snapshots", "hub")


def shipped_recipes() -> dict[str, Path]:
    """List the recipes that come with hardneg, by name."""
    return _shipped("recipes")


def shipped_presets() -> dict[str, Path]:
    """List the presets that come with hardneg, by name: what is hard in one domain, as a part of a recipe."""
    return _shipped("presets")


def find_recipe(name: str | Path) -> Path:
    """Find a recipe: a file, or the name of one that hardneg ships."""
    path, shipped = named_path(name), shipped_recipes()
    if path is None:
        raise RecipeError(f"{str(name)[:80]!r}… is no path; name a recipe file, or a recipe of hardneg")
    if path.is_file():
        return path
    if str(name) in shipped:
        return shipped[str(name)]
    if (path / layout.RECIPE).is_file():
        raise RecipeError(f"{name} is the folder of a run; its recipe is {path / layout.RECIPE}")
    if (path / layout.MINING).is_file():
        raise RecipeError(
            f"{name} is no recipe: it holds mined negatives; `hardneg train --negatives {name} -o OUT` trains on them"
        )
    if path.exists():
        raise RecipeError(
            f"{name} is no recipe; for a dataset `hardneg init {name} -o {path.name}.toml` writes one, and "
            f"`hardneg run {path.name}.toml` does it"
        )
    if path.suffix:
        raise RecipeError(
            f"{name}: no such recipe file; `hardneg init DATASET -o {name}` writes one for a dataset, and hardneg "
            f"ships {', '.join(shipped)}"
        )
    raise RecipeError(f"{name}: no such recipe file, nor a recipe of hardneg; {nearest(path.stem, shipped)}")


def is_of_others(file: Path) -> bool:
    """Say whether a recipe may be another's than the user's: it lies in a run's folder, a model's, or a Hub's cache."""
    place = file.resolve()
    above = (*place.parents[:_UP], *file.absolute().parents[:_UP])
    if any((folder / name).exists() for folder in above for name in _OF_RUNS):
        return True
    parts = place.parts
    return any(part.startswith(_OF_HUBS) for part in parts) and any(part in _CACHES for part in parts)


def read_preset(name: object, place: Place) -> dict[str, Any]:
    """Read a preset."""
    shipped = shipped_presets()
    if not isinstance(name, str) or name not in shipped:
        raise place.error(f"no preset {name!r}; {nearest(str(name), shipped)}")
    return read_toml(shipped[name])


def with_preset(table: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Put the keys of the preset that a recipe names below its own."""
    rest = {key: value for key, value in table.items() if key != PRESET}
    return merged(read_preset(table[PRESET], place.at(PRESET)), rest) if PRESET in table else rest


def merged(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Change keys of a recipe; where both have a table, key by key. Another dataset takes nothing over."""
    dataset, new = table.get("dataset"), changes.get("dataset")
    if isinstance(new, Mapping):
        named = {"path": dataset} if isinstance(dataset, str) else dataset
        table = {**table, "dataset": None if "path" in new else named}
    both = [key for key, new in changes.items() if isinstance(new, Mapping) and isinstance(table.get(key), Mapping)]
    return {**table, **changes, **{key: {**table[key], **changes[key]} for key in both}}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    try:
        return from_toml(path.read_bytes())
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path}:{line}: not UTF-8; save the recipe as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        where = re.fullmatch(r"(.*?) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
        if where is None:
            raise RecipeError(f"{path}: not TOML: {error}") from error
        raise RecipeError(f"{path}:{where[2]}: not TOML: {where[1]} (column {where[3]})") from error
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{path}: not a recipe: {error}") from error


def _shipped(kind: str) -> dict[str, Path]:
    folder = Path(str(resources.files("hardneg"))) / kind
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
