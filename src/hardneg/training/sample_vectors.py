"""A few vectors of a trained model, kept so that a later look can tell whether it is still that model.

vectors.json    the texts, the vectors that the saved model gave for them, in float32 on the processor, and a hash of
                all its weights, most of which three texts do not touch
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hardneg.files import write_json
from hardneg.models.fingerprint import tensor_bytes
from hardneg.models.sentence_transformer import load_model
from hardneg.runs import layout
from hardneg.runs.state import read_state

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TEXTS = ("how to read a file line by line", "Sort a list of numbers in place.", "lease of a flat, rent and notice")


@dataclass(frozen=True)
class Compared:
    """How a model stands to what was written down when it was saved."""

    off: float  # of its vectors, at most
    has_same_weights: bool


def write_vectors(folder: Path, model: Path, *, trusts: bool) -> None:
    """Load a model that was just saved, and write down what it gives."""
    loaded = load_model(model, device="cpu", trust_remote_code=trusts)
    vectors = _vectors(loaded, list(_TEXTS)).tolist()
    kept = {"texts": _TEXTS, "vectors": vectors, "trusts": trusts, "weights": _weights(loaded)}
    write_json(folder / layout.VECTORS, kept)


def compared(folder: Path, model: Path) -> Compared | None:
    """Load a model, and compare it with what was written down; None if nothing was."""
    kept = read_state(folder / layout.VECTORS, keys=("texts", "vectors", "trusts"))
    loaded = load_model(model, device="cpu", trust_remote_code=bool(kept and kept["trusts"]))
    if not kept:
        return None
    vectors, before = _vectors(loaded, kept["texts"]), np.array(kept["vectors"], dtype=np.float32)
    off = float(np.abs(vectors - before).max()) if vectors.shape == before.shape else float("inf")
    return Compared(off, kept.get("weights") in (None, _weights(loaded)))


def _vectors(model: "SentenceTransformer", texts: list[str]) -> np.ndarray:
    return model.encode_document(texts, convert_to_numpy=True, show_progress_bar=False).astype(np.float32)


def _weights(model: "SentenceTransformer") -> str:
    """Hash the weights, whatever is around them."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        state.update(tensor_bytes(value))
    return state.hexdigest()
