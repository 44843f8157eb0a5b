"""From the name of a model to a place where it can be loaded."""

import importlib.util
from pathlib import Path

from hardneg.errors import ModelError
from hardneg.models.given import Loaded, named_model

_PACKAGE = "package:"


def resolve_model(name: str | Path | Loaded) -> str:
    """Find a model by name."""
    text = str(named_model(name))
    if text.startswith(_PACKAGE):
        package, _, inside = text.removeprefix(_PACKAGE).partition("/")
        text = str(_package_folder(package, text) / inside)
    folder = Path(text).expanduser()
    if folder.is_dir():
        if not (folder / "modules.json").exists() and not (folder / "config.json").exists():
            raise ModelError(f"{folder} holds no model: neither modules.json nor config.json is there")
        return str(folder)
    if folder.is_file():
        raise ModelError(f"model {text} is a file; name the folder that holds the model, {folder.parent}")
    if "://" in text:
        raise ModelError(f"model {text} is an address; give the name alone, for instance intfloat/e5-small-v2")
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise ModelError(f"model folder {text} does not exist")
    return text


def _package_folder(package: str, name: str) -> Path:
    if not all(map(str.isidentifier, package.split("."))):
        raise ModelError(f"model {name!r} names no package; write package:NAME/FOLDER")
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # of a parent
        spec = None
    if spec is None or not spec.submodule_search_locations:
        hint = package.partition(".")[0].replace("_", "-")
        raise ModelError(f"model {name!r} lies in a package that is not installed: pip install {hint}")
    return Path(spec.submodule_search_locations[0])
