"""What the columns of a file of pairs may hold: texts, numbers, and lists of them."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.lines import numbered_lines, parse_record
from hardneg.errors import DatasetError

_NAMES = {list: "a list", dict: "an object", bool: "true or false"}
_WAY_OUT = "convert the file, or name another column"


def check_values(table: pl.DataFrame, *, texts: Collection[str], lists: Collection[str], path: Path) -> None:
    """Refuse columns whose values are no texts.

    Args:
        table: Everything that was read.
        texts: Columns that must hold texts or numbers.
        lists: Columns that may hold lists of these instead, in every row.
        path: Where the table came from, to name the line.

    Raises:
        DatasetError: A value is something else, or a list in one row and none in another.
    """
    for column in (*texts, *lists):
        kind = table.schema[column]
        values = table[column]
        if column in lists and isinstance(kind, pl.List):
            values = values.explode()
        is_text = _is_text(values.dtype)
        if not is_text or _may_be_json(values):
            _refuse_odd_value(path, column, may_be_list=column in lists)
        if not is_text:
            wanted = "texts or lists of them" if column in lists else "texts"
            raise DatasetError(f"column {column!r} holds {kind}, not {wanted}; {_WAY_OUT}", path=path)


def _is_text(kind: pl.DataType) -> bool:
    return kind.is_numeric() or isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null)


def _may_be_json(values: pl.Series) -> bool:
    """Tell whether some text may have been another JSON value: mixed with texts, polars makes it one."""
    return values.dtype == pl.String and bool(values.str.contains(r"^(?:[\[{]|true$|false$)").any())


def _refuse_odd_value(path: Path, column: str, *, may_be_list: bool) -> None:
    """Go through the records of a JSON Lines file and refuse the first whose value does not fit."""
    if ".jsonl" not in path.suffixes or not path.is_file():
        return
    first_is_list = None
    for number, _, line in numbered_lines(path):
        record = parse_record(line)
        value = record.get(column) if isinstance(record, dict) else None
        if value is None:
            continue
        is_list = may_be_list and isinstance(value, list)
        if problem := _problem(value, is_list=is_list):
            raise DatasetError(f"{column!r} {problem}; {_WAY_OUT}", path=path, line=number)
        if first_is_list is None:
            first_is_list = is_list
        if is_list != first_is_list:
            problem = f"{column!r} is a list in some records and not in others; make it one of both"
            raise DatasetError(problem, path=path, line=number)


def _problem(value: Any, *, is_list: bool) -> str | None:  # noqa: ANN401 - any JSON value
    for each in value if is_list else [value]:
        if isinstance(each, list | dict | bool):
            return f"holds {_NAMES[type(each)]} in its list" if is_list else f"is {_NAMES[type(each)]}, not a text"
    return None
