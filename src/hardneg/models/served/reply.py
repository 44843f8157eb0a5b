"""From what a server answers to vectors, each of which is looked at before it is kept."""

import base64
import binascii
from typing import Any

import numpy as np
from jaxtyping import Float32
from pydantic import BaseModel, ValidationError

from hardneg.endpoints.problem import NoAnswer, shortened
from hardneg.errors import ModelError


class _Datum(BaseModel):
    embedding: list[float] | str
    index: int | None = None


class _Embeddings(BaseModel):
    data: list[_Datum]


def read_vectors(body: str, n_texts: int, *, dimensions: int | None) -> Float32[np.ndarray, "texts dim"]:
    """Read the vectors of some texts, in the order in which these were sent, brought to length 1.

    What cannot be read is a NoAnswer, which another attempt may heal; vectors that nobody could use are a ModelError.
    """
    try:
        data = _Embeddings.model_validate_json(body).data
        rows = [_numbers(each.embedding) for each in data]
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise NoAnswer("malformed", f"no vectors in {shortened(body)!r} ({reason})", retry=True) from None
    if len(rows) != n_texts:
        raise ModelError(f"the server gave {len(rows)} vectors for {n_texts} texts")
    places = [number if each.index is None else each.index for number, each in enumerate(data)]
    if sorted(places) != list(range(n_texts)):
        raise ModelError(f"the server numbered the vectors of {n_texts} texts {places[:5]}…, not each once from 0")
    sizes = sorted({len(row) for row in rows})
    if len(sizes) != 1 or sizes[0] == 0:
        raise ModelError(f"the server gave vectors of {' and '.join(map(str, sizes))} dimensions in one answer")
    if dimensions is not None and sizes[0] != dimensions:
        raise ModelError(
            f"the server gave vectors of {sizes[0]} dimensions where {dimensions} were asked for; leave truncate_dim "
            f"out, or set it to {sizes[0]}: this model cannot cut them"
        )
    vectors = np.empty((n_texts, sizes[0]), np.float64)
    vectors[places] = rows
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        row = int(np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))[0])
        raise ModelError(f"the server gave a vector of {_wrong(vectors[row])}, for text {row + 1} of {n_texts}")
    unit: Float32[np.ndarray, "texts dim"] = (vectors / lengths).astype(np.float32)
    return unit


def _numbers(given: list[float] | str) -> Any:  # noqa: ANN401 - an array, or what becomes a row of one
    if not isinstance(given, str):
        return given
    try:
        return np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4")
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"base64: {error}") from None


def _wrong(vector: Any) -> str:  # noqa: ANN401 - an array
    return "zeros alone" if not vector.any() else "numbers that are not finite"
