"""What a model folder holds beside weights: code that the model brought, and the form in which it reads queries.

The form stands in `config_sentence_transformers.json`, which sentence-transformers reads and whose further keys it
passes over: the model stays a plain folder. It goes with the folder, to the Hub too; a model that is loaded and saved
again by sentence-transformers alone loses it.
"""

import inspect
import json
import logging
import shutil
from functools import cache
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.util import load_file_path
from torch import nn
from transformers.dynamic_module_utils import get_relative_import_files

from hardneg.errors import ModelError
from hardneg.files import from_json

_HOME = "transformers_modules."  # the package in which the library keeps such code
CONFIG = "config_sentence_transformers.json"
_KEY = "query_form"


def code_files(model: nn.Module) -> list[Path]:
    """List the files whose code makes up parts of a model and that came with it, not with an installed package."""
    kinds = {type(module) for module in model.modules()}
    files = {inspect.getfile(kind) for kind in kinds if kind.__module__.startswith(_HOME)}
    files |= {needed for file in tuple(files) for needed in get_relative_import_files(file)}
    return sorted(map(Path, files))


@cache
def _say(name: str, files: tuple[str, ...]) -> None:
    """Say once that a model runs code of its own."""
    logging.getLogger("hardneg").warning("model %r runs code that it brought with it: %s", name, ", ".join(files))


def note_code(name: str, model: nn.Module) -> None:
    """Say, once for each model, which code of its own it runs, if it does."""
    files = code_files(model)
    if files:
        _say(name, tuple(file.name for file in files))


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Save a model such that it can be loaded again, with the code that it brought.

    The library puts the code of a module into the folder of that module, but looks for it in that of the model.
    """
    model.save_pretrained(str(folder), create_model_card=False)
    for file in code_files(model):
        if not (folder / file.name).exists():
            shutil.copy(file, folder / file.name)


def read_query_form(place: str) -> str | None:
    """Look up the form that a model was trained on."""
    path = load_file_path(place, CONFIG)
    if path is None:
        return None
    try:
        return from_json(Path(path).read_text(encoding="utf-8")).get(_KEY)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def write_query_form(folder: Path, form: str | None) -> None:
    """Record in a saved model on which form it was trained; None records nothing."""
    if form is None:
        return
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8")) | {_KEY: form}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
