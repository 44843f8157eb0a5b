"""Cells of near vectors: what is too much to compare with everything is compared with its cell."""

import numpy as np
from jaxtyping import Float, Float32, Int64

from hardneg.randomness import bits

_SAMPLE = 4_096
_DRAW = 21


def balanced_cells(vectors: Float[np.ndarray, "rows dim"], *, size: int) -> list[Int64[np.ndarray, " cell"]]:
    """Cut vectors into cells of at most a size, equal but for one row, by halving along the widest direction.

    Each half is cut again until it is small enough. The direction is the first principal axis of a fixed sample, and
    the cut its median, so that cells are as equal as can be, whatever the vectors.

    References:
        Principal axis trees: Sproull (1991), "Refinements to nearest-neighbor searching in k-dimensional trees".
    """
    rows = np.arange(len(vectors))
    if len(rows) <= size:
        return [rows]
    cells, waiting = [], [rows]
    while waiting:
        part = waiting.pop()
        if len(part) <= size:
            cells.append(np.sort(part))
            continue
        along = _project(vectors, part, _widest(vectors, part))
        order = part[np.argsort(along, kind="stable")]
        half = len(order) // 2
        waiting += [np.sort(order[half:]), np.sort(order[:half])]
    return cells


def _widest(vectors: Float[np.ndarray, "rows dim"], part: Int64[np.ndarray, " part"]) -> Float32[np.ndarray, " dim"]:
    """Find the direction along which a sample of the rows is spread most."""
    sample = part[np.argsort(bits(0, _DRAW, part), kind="stable")[:_SAMPLE]] if len(part) > _SAMPLE else part
    chosen = vectors[np.sort(sample)].astype(np.float64)
    centred = chosen - chosen.mean(axis=0)
    axes: Float32[np.ndarray, "dim dim"] = np.linalg.eigh(centred.T @ centred).eigenvectors.astype(np.float32)
    return axes[:, -1]


def _project(
    vectors: Float[np.ndarray, "rows dim"], part: Int64[np.ndarray, " part"], axis: Float32[np.ndarray, " dim"]
) -> Float32[np.ndarray, " part"]:
    steps = range(0, len(part), _SAMPLE * 4)
    return np.concatenate([vectors[part[at : at + _SAMPLE * 4]] @ axis for at in steps])
