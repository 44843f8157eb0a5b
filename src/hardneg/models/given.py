"""A model as it may be given, by name, by folder or loaded, and the place where it can be loaded from."""

import importlib.util
import os
import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hardneg.addresses import address_of, is_endpoint
from hardneg.arguments import shown
from hardneg.errors import ModelError
from hardneg.files import named_path, replacing_folder

_WANTED = "give a Hub id, a folder or its address, package:NAME/FOLDER, or a loaded SentenceTransformer"
_PACKAGE = "package:"
_PINNED = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)@(?P<revision>[\w./-]+)")  # no name on the Hub has an @
_UNREAD = ("onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.tflite")  # the same weights for others


@runtime_checkable
class Loaded(Protocol):
    """A `SentenceTransformer` in memory; named by what it can do, so that settings can be read without torch."""

    def encode_query(self, inputs: Any) -> Any:  # noqa: ANN401 - the library's own types
        """Turn queries into vectors."""

    def encode_document(self, inputs: Any) -> Any:  # noqa: ANN401 - the library's own types
        """Turn documents into vectors."""


def named_model(model: Any, *, purpose: str = "model") -> str | Path:  # noqa: ANN401 - whatever a user gave
    """Give the name of a model; one that is loaded is first saved in the cache, under its fingerprint.

    Everything after this works with names: processes of their own load the model again, and a run that goes on later
    finds the same one.
    """
    if isinstance(model, str | Path):
        if not str(model).strip():
            raise ModelError(f"{purpose}: the name is empty; {_WANTED}")
        return model
    library = sys.modules.get("sentence_transformers")
    if library is None or not isinstance(model, library.SentenceTransformer):
        raise ModelError(f"{purpose}: a {type(model).__name__} is no model; {_WANTED}")
    return _kept(model, purpose)


def _kept(model: Any, purpose: str) -> Path:  # noqa: ANN401 - named above without importing the library
    from hardneg.models.towers import named_prompts

    prompts, model.prompts = model.prompts, named_prompts(model)
    try:
        return _saved(model, purpose)
    finally:
        model.prompts = prompts


def _saved(model: Any, purpose: str) -> Path:  # noqa: ANN401 - named above without importing the library
    from hardneg.files import cache_folder
    from hardneg.models.fingerprint import fingerprint
    from hardneg.models.own_code import save_model
    from hardneg.models.sentence_transformer import load_model

    identity = fingerprint(model)
    place = cache_folder() / "models" / identity
    if not place.exists():
        with replacing_folder(place) as temporary:
            save_model(model, temporary)
            again = load_model(temporary, device="cpu", trust_remote_code=bool(model.trust_remote_code))
            if fingerprint(again) != identity:
                raise ModelError(
                    f"{purpose}: the loaded model is not the same after saving and loading it; save it into a folder "
                    "yourself and give the folder"
                )
    return place


def resolve_model(name: str | Path | Loaded) -> str:
    """Find a model by name."""
    text = str(named_model(name))
    if is_endpoint(text):
        raise ModelError(
            f"model {text} answers behind an endpoint: it can encode, as a source, as a teacher, and in evaluate and "
            "encode, but there are no weights here to load or to train; name a Hub id or a folder for that"
        )
    text = _brought(text)
    folder = named_path(text)
    if folder is None:
        raise ModelError(f"model {shown(text)} can be no folder and no name; {_WANTED}")
    if folder.is_dir():
        if not (folder / "modules.json").exists() and not (folder / "config.json").exists():
            models = sorted(
                file.parent for name in ("model", "*/model", "*") for file in folder.glob(f"{name}/modules.json")
            )
            way_out = (
                f"did you mean {models[0]}?"
                if models
                else "`hardneg train … -o OUT` leaves the one that it trains in OUT/model"
            )
            raise ModelError(f"{folder} holds no model: neither modules.json nor config.json is there; {way_out}")
        return str(folder)
    if folder.is_file():
        raise ModelError(f"model {text} is a file; name the folder that holds the model, {folder.parent}")
    if "://" in text:
        raise ModelError(
            f"model {text} is an address; give the name alone, as intfloat/e5-small-v2; a model "
            "behind an embedding API is named https://HOST/v1#NAME"
        )
    if text.startswith((".", "/", "~")) or text.count("/") > 1:
        raise ModelError(
            f"model folder {text} does not exist; `hardneg train … -o OUT` leaves the model that it trains in OUT/model"
        )
    return text


def _brought(text: str) -> str:
    """Give the folder of what lies in a package, at an address, or on the Hub at a revision; all else as it is."""
    if text.startswith(_PACKAGE):
        package, _, inside = text.removeprefix(_PACKAGE).partition("/")
        text = str(_package_folder(package, text) / inside)
    if address_of(text) is not None:
        from hardneg.storage import bring  # settings are read without it

        return str(bring(text))
    pinned = _PINNED.fullmatch(text)
    return text if pinned is None or Path(text).exists() else _at_revision(pinned["name"], pinned["revision"])


def _at_revision(name: str, revision: str) -> str:
    """Give the folder of a model of the Hub as it is at a branch, a tag or a commit, downloaded if it is not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        return snapshot_download(name, revision=revision, ignore_patterns=list(_UNREAD), endpoint=endpoint)
    except RevisionNotFoundError as error:
        raise ModelError(
            f"model {name} has no revision {revision!r}: name a branch, a tag or a commit of it"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"model {name} is not on the Hub, or not for you; `hardneg doctor` shows your access"
        ) from error
    except Exception as error:  # of whichever client the library has
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"model {name} at {revision!r} is not in the cache, and the Hub does not give it ({first_line}); "
            "`hardneg doctor` shows whether it can be reached"
        ) from error


def _package_folder(package: str, name: str) -> Path:
    if not all(map(str.isidentifier, package.split("."))):
        raise ModelError(f"model {name!r} names no package; write package:NAME/FOLDER")
    top, *inside = package.split(".")
    spec = importlib.util.find_spec(top)  # of a package inside one it would import the outer one, and run its code
    if spec is None or not spec.submodule_search_locations or not _inside(spec, inside).is_dir():
        hint = package.partition(".")[0].replace("_", "-")
        raise ModelError(f"model {name!r} lies in a package that is not installed: pip install {hint}")
    return _inside(spec, inside)


def _inside(spec: ModuleSpec, names: list[str]) -> Path:
    return Path((spec.submodule_search_locations or [""])[0], *names)
