"""Whose vector stands in which row: a list, an array, lines, or a JSON object between rows and ids."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.errors import ModelError
from hardneg.sources.vector_files import load_array

_NUMBER = re.compile(r"0|[1-9]\d*")
_SETTLE = "write a JSON list of ids instead, in the order of the rows"


def read_ids(path: Path) -> pl.Series:
    """Read the ids of rows: a `.json` list or object, a `.npy` array, or text with one id a line.

    A JSON object is either `{row: id}` or `{id: row}`: one side holds each row number from 0 once, the other the ids.
    Where both sides could be rows and tell different orders, only texts as values, listed by row, settle it:
    `{"0": "17", "1": "4"}` names an id for each row.
    """
    try:
        if path.suffix == ".json":
            ids = _of_json(json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_Pairs), path)
        elif path.suffix == ".npy":
            ids = _of_array(load_array(path, kind="ids"), path)
        else:
            ids = _of_lines(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable file of ids ({error})") from error
    series = pl.Series("id", ids, dtype=pl.String)
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


def _of_json(found: object, path: Path) -> list[str]:
    if isinstance(found, _Pairs):
        return _of_object(found, path)
    if not isinstance(found, list):
        raise ModelError(f"{path}: holds {json.dumps(found)[:40]}, not ids; {_SETTLE}")
    return [_id(each, path, f"entry {row}") for row, each in enumerate(found)]


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
    none = [each for each, number in zip(rows, numbers, strict=True) if number is None]
    if none:
        return f"{none[0]!r} is no row"
    seen: set[int | None] = set()
    for number in numbers:
        if number in seen:
            return f"row {number} stands twice"
        seen.add(number)
    missing = next(row for row in range(len(rows)) if row not in seen)
    return f"row {missing} is missing"


def _of_array(found: object, path: Path) -> list[str]:
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "USiu" or found.ndim != 1:
        held = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "an archive"
        raise ModelError(f"{path}: holds {held}; ids must be one row of texts or whole numbers")
    if found.dtype.kind == "S":
        return [each.decode() for each in found.tolist()]
    return [str(each) for each in found.tolist()]


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
