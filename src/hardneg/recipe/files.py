"""Recipe files: those of the user, and those that hardneg ships."""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from hardneg.errors import RecipeError
from hardneg.place import nearest


def shipped_recipes() -> dict[str, Path]:
    """List the recipes that come with hardneg, by name."""
    folder = Path(str(resources.files("hardneg"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_recipe(name: str | Path) -> Path:
    """Find a recipe: a file, or the name of one that hardneg ships."""
    path, shipped = Path(name).expanduser(), shipped_recipes()
    if path.is_file():
        return path
    if str(name) in shipped:
        return shipped[str(name)]
    raise RecipeError(f"{name}: no such recipe file, nor a recipe of hardneg; {nearest(path.stem, shipped)}")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path}:{line}: not UTF-8; save the recipe as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*?) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
        if found is None:
            raise RecipeError(f"{path}: not TOML: {error}") from error
        raise RecipeError(f"{path}:{found[2]}: not TOML: {found[1]} (column {found[3]})") from error
