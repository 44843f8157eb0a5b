"""A model as it may be given in Python: by name, by folder, or loaded."""

import sys
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from hardneg.errors import ModelError
from hardneg.files import replacing_folder

_WANTED = "give a Hub id, a folder, package:NAME/FOLDER, or a loaded SentenceTransformer"


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
    from hardneg.models.prompts import named_prompts

    own, model.prompts = model.prompts, named_prompts(model)
    try:
        return _saved(model, purpose)
    finally:
        model.prompts = own


def _saved(model: Any, purpose: str) -> Path:  # noqa: ANN401 - named above without importing the library
    from hardneg.models.fingerprint import fingerprint
    from hardneg.models.own_code import save_model
    from hardneg.models.sentence_transformer import load_model
    from hardneg.models.store import cache_folder

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
