"""Reading vectors from files, and putting them in the dataset's order."""

import warnings
from pathlib import Path
from tokenize import TokenError
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.errors import ModelError

# What NumPy raises when a header is cut or damaged: it reads the header as Python.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile, MemoryError, RecursionError),
    *(TypeError, KeyError, IndexError, AttributeError, OverflowError),
)


def load_array(path: Path, *, kind: str, mmap_mode: Literal["r"] | None = None) -> object:
    """Open a `.npy` file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except _UNREADABLE as error:
        raise ModelError(f"{path}: not a readable .npy file of {kind} ({error}); write it with np.save") from error


def read_vectors(path: Path) -> Float32[np.ndarray, "rows dim"]:
    """Open a matrix of vectors; float32 stays on disk as a memory map."""
    matrix = load_array(path, kind="vectors", mmap_mode="r")
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        found = f"{matrix.dtype} of shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "an archive"
        raise ModelError(f"{path}: holds {found}; vectors must be a matrix of floats, one row each")
    if matrix.shape[1] == 0:
        raise ModelError(f"{path}: its {len(matrix)} vectors have no dimension; write them with np.save, one row each")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
        return matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)


def aligned(
    vectors: Float32[np.ndarray, "rows dim"],
    ids: pl.Series | None,
    wanted: pl.Series,
    *,
    kind: str,
    path: Path,
) -> Float32[np.ndarray, "wanted dim"]:
    """Put rows in the order of the dataset; rows that already are stay a memory map."""
    expected = len(wanted) if ids is None else len(ids)
    if len(vectors) != expected:
        counted = f"the dataset has {expected}" if ids is None else f"the file of ids has {expected}"
        way_out = f"; give {kind}_ids to match rows by id" if ids is None else ""
        raise ModelError(f"{path}: {len(vectors)} vectors, but {counted} {kind} ids{way_out}")
    if ids is None or ids.equals(wanted):
        return vectors
    rows = pl.DataFrame({"id": ids}).with_row_index("row")
    found = wanted.alias("id").to_frame().join(rows, on="id", how="left", maintain_order="left")
    missing = found.filter(pl.col("row").is_null())["id"]
    if len(missing):
        raise ModelError(
            f"{path}: no vector for {len(missing)} of {len(wanted)} {kind} ids, the first {missing[0]!r}; "
            "encode them too, or take them out of the dataset"
        )
    return vectors[found["row"].to_numpy()]


def stamp(path: Path) -> str:
    """Name a file's present state by path, size and time of change."""
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    return f"{path.absolute()}:{state.st_size}:{state.st_mtime_ns}"
