"""Reading vectors and their ids from files, and putting them in the dataset's order."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.errors import ModelError


def read_vectors(path: Path) -> Float32[np.ndarray, "rows dim"]:
    """Open a matrix of vectors; float32 stays on disk as a memory map.

    Args:
        path: A `.npy` file.

    Returns:
        One vector a row.

    Raises:
        ModelError: The file is no `.npy` file, or holds no matrix of floats.
    """
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a readable .npy file of vectors ({error}); write it with np.save") from error
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        found = f"{matrix.dtype} of shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "an archive"
        raise ModelError(f"{path}: holds {found}; vectors must be a matrix of floats, one row each")
    return matrix if matrix.dtype == np.float32 else matrix.astype(np.float32)


def read_ids(path: Path) -> pl.Series:
    """Read the ids of rows: a `.json` list, a `.npy` array, or text with one id a line.

    Args:
        path: The file; its suffix tells the form.

    Returns:
        One id a row.

    Raises:
        ModelError: The file cannot be read, or an id stands in it twice.
    """
    try:
        if path.suffix == ".json":
            ids = [str(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
        elif path.suffix == ".npy":
            ids = [str(entry) for entry in np.load(path, allow_pickle=False).ravel().tolist()]
        else:
            ids = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not a readable file of ids ({error})") from error
    series = pl.Series("id", ids, dtype=pl.String)
    repeated = series.filter(series.is_duplicated())
    if len(repeated):
        raise ModelError(f"{path}: the id {repeated[0]!r} stands there twice; each row of vectors needs its own")
    return series


def aligned(
    vectors: Float32[np.ndarray, "rows dim"],
    ids: pl.Series | None,
    wanted: pl.Series,
    *,
    kind: str,
    path: Path,
) -> Float32[np.ndarray, "wanted dim"]:
    """Put rows in the order of the dataset; rows that already are stay a memory map.

    Args:
        vectors: One vector a row.
        ids: Whose rows they are, or None if they follow the dataset.
        wanted: Ids in the dataset's order.
        kind: "query" or "document", for messages.
        path: The file of vectors, for messages.

    Returns:
        One vector for each of `wanted`.

    Raises:
        ModelError: The number of rows is wrong, or an id of the dataset has no vector.
    """
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
    """Name a file's present state by path, size and time of change.

    Args:
        path: The file.

    Returns:
        A text that changes when the file is written.

    Raises:
        ModelError: The file does not exist.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    return f"{path.absolute()}:{state.st_size}:{state.st_mtime_ns}"
