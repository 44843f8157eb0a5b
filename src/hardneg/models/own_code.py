"""Code that a model brings with it."""

import inspect
import shutil
from pathlib import Path

from sentence_transformers import SentenceTransformer
from torch import nn
from transformers.dynamic_module_utils import get_relative_import_files

_HOME = "transformers_modules."  # the package in which the library keeps such code


def code_files(model: nn.Module) -> list[Path]:
    """List the files whose code makes up parts of a model and that came with it, not with an installed package."""
    kinds = {type(module) for module in model.modules()}
    files = {inspect.getfile(kind) for kind in kinds if kind.__module__.startswith(_HOME)}
    files |= {needed for file in tuple(files) for needed in get_relative_import_files(file)}
    return sorted(map(Path, files))


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Save a model such that it can be loaded again, with the code that it brought.

    The library puts the code of a module into the folder of that module, but looks for it in that of the model.
    """
    model.save_pretrained(str(folder), create_model_card=False)
    for file in code_files(model):
        if not (folder / file.name).exists():
            shutil.copy(file, folder / file.name)
