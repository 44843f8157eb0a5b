"""A few vectors of a trained model, kept so that a later look can tell whether it is still that model.

vectors.json    the texts, and the vectors that the saved model gave for them, in float32 on the processor
"""

from pathlib import Path

import numpy as np

from hardneg.files import write_json
from hardneg.models.sentence_transformer import load_model
from hardneg.runs import layout
from hardneg.runs.state import read_state

_TEXTS = ("how to read a file line by line", "Sort a list of numbers in place.", "lease of a flat, rent and notice")


def write_vectors(folder: Path, model: Path, *, trusts: bool) -> None:
    """Load a model that was just saved, and write down what it gives."""
    vectors = _vectors(model, list(_TEXTS), trusts=trusts)
    write_json(folder / layout.VECTORS, {"texts": _TEXTS, "vectors": vectors.tolist(), "trusts": trusts})


def distance(folder: Path, model: Path) -> float | None:
    """Say how far the vectors of a model are from those that were written down; None if none were."""
    kept = read_state(folder / layout.VECTORS, keys=("texts", "vectors", "trusts"))
    if not kept:
        load_model(model, device="cpu")
        return None
    vectors, before = _vectors(model, kept["texts"], trusts=kept["trusts"]), np.array(kept["vectors"], dtype=np.float32)
    return float(np.abs(vectors - before).max()) if vectors.shape == before.shape else float("inf")


def _vectors(model: Path, texts: list[str], *, trusts: bool) -> np.ndarray:
    loaded = load_model(model, device="cpu", trust_remote_code=trusts)
    return loaded.encode_document(texts, convert_to_numpy=True, show_progress_bar=False).astype(np.float32)
