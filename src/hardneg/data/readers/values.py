"""What the columns of records may hold: texts, numbers, and lists of them."""

from collections.abc import Collection
from typing import Any

import polars as pl

from hardneg.data.lines import numbered_lines, parse_record
from hardneg.data.readers.table import Table
from hardneg.errors import DatasetError

_NAMES = {list: "a list", dict: "an object", bool: "true or false"}
_WAY_OUT = "convert the file, or name another column"


def check_values(table: Table, *, texts: Collection[str], lists: Collection[str]) -> None:
    """Refuse columns whose values are no texts."""
    for column in (*texts, *lists):
        kind = table.frame.schema[column]
        values = table.frame[column]
        if column in lists and isinstance(kind, pl.List):
            values = values.explode()
        is_text = _is_text(values.dtype)
        if not is_text or _may_be_json(values):
            _refuse_odd_value(table, column, may_be_list=column in lists)
        if column in lists and values.dtype == pl.String:
            _refuse_written_lists(table, column, values)
        if not is_text:
            wanted = "texts or lists of them" if column in lists else "texts"
            raise table.error(f"column {column!r} holds {kind}, not {wanted}; {_WAY_OUT}")


def _refuse_written_lists(table: Table, column: str, values: pl.Series) -> None:
    """Refuse lists that were written as texts, as pandas does in CSV."""
    texts = values.drop_nulls()
    texts = texts.filter(texts.str.strip_chars() != "")
    if len(texts) and bool(texts.str.contains(r"(?s)^\s*\[\s*(['\"].*['\"]\s*)?\]\s*$").all()):
        raise table.error(
            f"column {column!r} holds lists that are written as texts ({texts[0][:40]}); write the records as JSON "
            "Lines or Parquet, or each text in a row of its own",
            0,
        )


def split_values(table: Table, column: str | None) -> pl.Series:
    """Give the split of each record: what the column says, "train" where there is none."""
    if column is None:
        return pl.repeat("train", table.frame.height, dtype=pl.String, eager=True).alias("split")
    check_values(table, texts=(column,), lists=())
    text = table.frame[column].cast(pl.String).str.strip_chars()
    blank = (text == "").fill_null(value=True)
    if blank.all():
        return split_values(table, None)
    if blank.any():
        row = int(blank.arg_max() or 0)
        raise table.error(
            f"no split in column {column!r} (row {row + 1}), though other rows have one; name one in every row, or "
            f"leave the column out with --ignore {column}",
            row,
        )
    return text.alias("split")


def _is_text(kind: pl.DataType) -> bool:
    return kind.is_numeric() or isinstance(kind, pl.String | pl.Categorical | pl.Enum | pl.Null)


def _may_be_json(values: pl.Series) -> bool:
    """Tell whether some text may have been another JSON value: mixed with texts, polars makes it one."""
    return values.dtype == pl.String and bool(values.str.contains(r"^(?:[\[{]|true$|false$)").any())


def _refuse_odd_value(table: Table, column: str, *, may_be_list: bool) -> None:
    """Go through the records of a JSON Lines file and refuse the first whose value does not fit."""
    if not table.is_file:
        return
    first_is_list = None
    for number, _, line in numbered_lines(table.place):
        record = parse_record(line)
        value = record.get(column) if isinstance(record, dict) else None
        if value is None:
            continue
        is_list = may_be_list and isinstance(value, list)
        if problem := _problem(value, is_list=is_list):
            raise DatasetError(f"{column!r} {problem}; {_WAY_OUT}", path=table.place, line=number)
        if first_is_list is None:
            first_is_list = is_list
        if is_list != first_is_list:
            problem = f"{column!r} is a list in some records and not in others; make it one of both"
            raise DatasetError(problem, path=table.place, line=number)


def _problem(value: Any, *, is_list: bool) -> str | None:  # noqa: ANN401 - any JSON value
    for each in value if is_list else [value]:
        if isinstance(each, list | dict | bool):
            return f"holds {_NAMES[type(each)]} in its list" if is_list else f"is {_NAMES[type(each)]}, not a text"
    return None
