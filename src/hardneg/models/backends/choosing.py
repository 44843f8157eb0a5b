"""Giving a loaded model another runtime: its file is made once, compared with the model, and kept."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import Float32
from sentence_transformers import SentenceTransformer

from hardneg.errors import MissingExtraError, ModelError
from hardneg.files import cache_folder, replacing
from hardneg.models.backends.exporting import TEXTS, export_transformer, quantize, transformer_of
from hardneg.models.backends.session import transformer
from hardneg.models.fingerprint import tensor_bytes
from hardneg.models.loading import choose_precision
from hardneg.models.options import Backend, EncodingPrecision, is_installed

TOLERANCE = {"fp32": 1e-4, "bf16": 0.03, "int8": 0.03}  # of a number in a vector of length 1
_PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
_VERSION = 2  # raised when files are written otherwise


def with_backend(
    model: SentenceTransformer, backend: Backend, precision: EncodingPrecision
) -> tuple[SentenceTransformer, str]:
    """Put another runtime in the place of a model's transformer; gives the model and its number format.

    A ModelError where the model cannot be exported, or gives other vectors then.
    """
    package = _PACKAGES[backend]
    if not is_installed(package):
        raise MissingExtraError(package, extra=backend, purpose=f"backend {backend!r}")
    model = model.float().eval()
    if model.device.type != "cpu":
        raise ModelError(f"backend {backend!r} encodes on the processor; leave device out, or set it to cpu")
    chosen = settled(backend, precision)
    tower = transformer_of(model)
    path = _file(model, tower, int8=chosen == "int8")
    before = _vectors(model)
    try:
        tower.model = transformer(path, backend, chosen, tower.model.config)
        off = float(np.abs(_vectors(model) - before).max())
    except RuntimeError as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"backend {backend!r} cannot run the model's file {path} ({reason})") from error
    if not off <= TOLERANCE[chosen]:
        raise ModelError(
            f"backend {backend!r} in {chosen} gives other vectors than the model: a number is off by {off:.2g}, where "
            f"{TOLERANCE[chosen]:g} is let pass; use torch, or another precision"
        )
    return model, chosen


def settled(backend: Backend, precision: EncodingPrecision) -> str:
    """Settle `auto`: bfloat16 is OpenVINO's alone."""
    if precision == "auto":
        return choose_precision("auto", torch.device("cpu")) if backend == "openvino" else "fp32"
    return precision


def _file(model: SentenceTransformer, tower: Any, *, int8: bool) -> Path:  # noqa: ANN401 - a module of the library
    """Find the file of a transformer in the cache, or write it."""
    folder = cache_folder() / "exports" / _digest(tower.model)
    folder.mkdir(parents=True, exist_ok=True)
    whole, rounded = folder / "model.onnx", folder / "model_int8.onnx"
    with FileLock(folder / ".lock"):
        if not whole.exists():
            with replacing(whole) as temporary:
                export_transformer(model, temporary)
        if int8 and not rounded.exists():
            with replacing(rounded) as temporary:
                quantize(whole, temporary)
    return rounded if int8 else whole


def _digest(module: Any) -> str:  # noqa: ANN401 - a transformer of the library
    """Hash what decides the file of a transformer."""
    state = hashlib.blake2b(f"{_VERSION} {module.config.to_json_string()}".encode(), digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        state.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        state.update(tensor_bytes(value))
    return state.hexdigest()


def _vectors(model: SentenceTransformer) -> Float32[np.ndarray, "texts dim"]:
    vectors = model.encode_document(list(TEXTS), convert_to_numpy=True, show_progress_bar=False)
    unit: Float32[np.ndarray, "texts dim"] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
