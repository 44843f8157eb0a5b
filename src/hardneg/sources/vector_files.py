"""Files of vectors: reading them, and putting them in the order of the dataset.

Whose vector stands in which row is told by a list, an array, lines, or a JSON object between rows and ids.
"""

import json
import re
import warnings
from collections import Counter
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import polars as pl
from jaxtyping import Float32

from hardneg.checksums import checked
from hardneg.errors import ModelError

# What NumPy raises when a header is cut or damaged: it reads the header as Python.
_UNREADABLE = (
    *(OSError, ValueError, EOFError, SyntaxError, TokenError, BadZipFile, MemoryError, RecursionError),
    *(TypeError, KeyError, IndexError, AttributeError, OverflowError),
)
_NUMBER = re.compile(r"0|[1-9]\d*")
_AGAIN = "write it anew: `hardneg encode`, if that made it"
_SETTLE = "write a JSON list of ids instead, in the order of the rows"


def load_array(path: Path, *, kind: str, mmap_mode: Literal["r"] | None = None) -> object:
    """Open a `.npy` file."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return np.load(checked(path, way_out=_AGAIN), mmap_mode=mmap_mode, allow_pickle=False)
    except _UNREADABLE as error:
        raise ModelError(f"{path}: not a readable .npy file of {kind} ({error}); write it with np.save") from error


def read_vectors(path: Path) -> Float32[np.ndarray, "rows dim"]:
    """Open a matrix of vectors; float32 stays on disk as a memory map."""
    matrix = load_array(path, kind="vectors", mmap_mode="r")
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
        content = f"{matrix.dtype} of shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "an archive"
        raise ModelError(f"{path}: holds {content}; vectors must be a matrix of floats, one row each")
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
    matched = wanted.alias("id").to_frame().join(rows, on="id", how="left", maintain_order="left")
    missing = matched.filter(pl.col("row").is_null())["id"]
    if len(missing):
        raise ModelError(
            f"{path}: no vector for {len(missing)} of {len(wanted)} {kind} ids, the first {missing[0]!r}; "
            "encode them too, or take them out of the dataset"
        )
    return vectors[matched["row"].to_numpy()]


def stamp(path: Path) -> str:
    """Name a file's present state by path, size and time of change."""
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    return f"{path.absolute()}:{state.st_size}:{state.st_mtime_ns}"


def read_ids(path: Path) -> pl.Series:
    """Read the ids of rows: a `.json` list or object, a `.npy` array, or text with one id a line.

    A JSON object is either `{row: id}` or `{id: row}`: one side holds each row number from 0 once, the other the ids.
    Where both sides could be rows and tell different orders, only texts as values, listed by row, settle it:
    `{"0": "17", "1": "4"}` names an id for each row.
    """
    try:
        checked(path, way_out=_AGAIN)
        if path.suffix == ".json":
            ids = _of_json(json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_Pairs), path)
        elif path.suffix == ".npy":
            ids = _of_array(load_array(path, kind="ids"), path)
        else:
            ids = _of_lines(path.read_text(encoding="utf-8-sig"), path)
        series = pl.Series("id", ids, dtype=pl.String)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable file of ids ({error})") from error
    repeated = series.filter(series.is_duplicated())
    if len(repeated):
        rows = [row for row, each in enumerate(ids) if each == repeated[0]]
        raise ModelError(
            f"{path}: the id {repeated[0]!r} stands there twice, for rows {rows[0]} and {rows[1]}; "
            "each row of vectors needs its own"
        )
    return series


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object, repeated keys included."""


def _of_json(content: object, path: Path) -> list[str]:
    if isinstance(content, _Pairs):
        return _of_object(content, path)
    if not isinstance(content, list):
        raise ModelError(f"{path}: holds {json.dumps(content)[:40]}, not ids; {_SETTLE}")
    return [_id(each, path, f"entry {row}") for row, each in enumerate(content)]


def _of_object(pairs: _Pairs, path: Path) -> list[str]:
    for key, value in pairs:
        _id(value, path, f"the value of {key!r}")
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    by_key, by_value = _in_order(keys, [str(value) for value in values]), _in_order(values, keys)
    if by_key is None and by_value is None:
        raise ModelError(
            f"{path}: neither side of this object numbers the rows from 0 to {len(pairs) - 1}: among its keys "
            f"{_wrong(keys)}, among its values {_wrong(values)}; {_SETTLE}"
        )
    if by_key is None or by_value is None or by_key == by_value:
        return by_value if by_key is None else by_key  # type: ignore[return-value]
    listed_by_row = keys == [str(row) for row in range(len(keys))]
    if listed_by_row and all(isinstance(value, str) for value in values):
        return by_key
    raise ModelError(
        f"{path}: both sides of this object number the rows from 0 to {len(pairs) - 1} and disagree: row 0 is "
        f"{by_key[0]!r} if its keys are rows, {by_value[0]!r} if its values are; {_SETTLE}"
    )


def _in_order(rows: list[Any], ids: list[str]) -> list[str] | None:
    """Put ids in the order of their rows, or give nothing if these are not all rows, each once."""
    numbers = [_row(each) for each in rows]
    if sorted(each for each in numbers if each is not None) != list(range(len(rows))):
        return None
    return [each for _, each in sorted(zip(numbers, ids, strict=True))]


def _row(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if _NUMBER.fullmatch(value) and value.isascii() else None
    return value if isinstance(value, int) else None


def _wrong(rows: list[Any]) -> str:
    """Say why these are not the rows."""
    numbers = [_row(each) for each in rows]
    if None in numbers:
        return f"{rows[numbers.index(None)]!r} is no row"
    repeated = [number for number, count in Counter(numbers).items() if count > 1]
    if repeated:
        return f"row {repeated[0]} stands twice"
    return f"row {min({*range(len(rows))} - {*numbers})} is missing"


def _of_array(content: object, path: Path) -> list[str]:
    if not isinstance(content, np.ndarray) or content.dtype.kind not in "USiu" or content.ndim != 1:
        held = f"{content.dtype} of shape {content.shape}" if isinstance(content, np.ndarray) else "an archive"
        raise ModelError(f"{path}: holds {held}; ids must be one row of texts or whole numbers")
    if content.dtype.kind == "S":
        return [each.decode() for each in content.tolist()]
    return [str(each) for each in content.tolist()]


def _of_lines(text: str, path: Path) -> list[str]:
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ModelError(f"{path}, line {number}: there is no id; each row of vectors needs its own")
    return lines


def _id(value: object, path: Path, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ModelError(f"{path}: {place} is {json.dumps(value)[:40]}, which is no id; give a text or a whole number")
    return str(value)
