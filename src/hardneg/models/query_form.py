"""Where a model says in which form it reads the queries of a conversation.

The key stands in `config_sentence_transformers.json`, which sentence-transformers reads and whose further keys it
passes over: the model stays a plain folder. It goes with the folder, to the Hub too; a model that is loaded and saved
again by sentence-transformers alone loses it.
"""

import json
from pathlib import Path

from sentence_transformers.util import load_file_path

from hardneg.errors import ModelError

CONFIG = "config_sentence_transformers.json"
_KEY = "query_form"


def read_query_form(place: str) -> str | None:
    """Look up the form that a model was trained on."""
    path = load_file_path(place, CONFIG)
    if path is None:
        return None
    try:
        return json.loads(Path(path).read_text(encoding="utf-8")).get(_KEY)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def write_query_form(folder: Path, form: str | None) -> None:
    """Record in a saved model on which form it was trained; None records nothing."""
    if form is None:
        return
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8")) | {_KEY: form}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
