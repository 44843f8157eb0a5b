"""A table of records, from a file or from memory, that knows where each row stands."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from hardneg import parquet
from hardneg.data.delimited import named_separator, read_delimited
from hardneg.data.jsonl import read_jsonl, scan_records
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.lines import (
    LFS_ADVICE,
    LFS_POINTER,
    encoding_problem,
    half_character,
    numbered_lines,
    parse_record,
    read_bytes,
)
from hardneg.data.metadata import settled
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

JSON_LINES = (".jsonl", ".ndjson")
_TEXT = (*JSON_LINES, ".json", ".csv", ".tsv")
SUFFIXES = (*(f"{each}{gz}" for each in _TEXT for gz in ("", ".gz")), ".parquet")


@dataclass(frozen=True)
class Table:
    """Records in columns, and where they come from."""

    frame: pl.DataFrame
    place: Path  # the file, or what stands for one in messages
    kind: str
    line_of: Callable[[int], int | None] = lambda _: None  # lines count from 1, rows from 0
    is_file: bool = False  # whether its JSON records can be looked at again in `place`

    @property
    def name(self) -> str:
        """What to call a dataset made of it."""
        return self.place.name.split(".")[0]

    def error(self, message: str, row: int | None = None) -> DatasetError:
        """Make an error that says where it is, with the line of a row (from 0) if one is meant."""
        return DatasetError(message, path=self.place, line=None if row is None else self.line_of(row))

    def reject(self, rejections: Rejections, reason: str, message: str, row: int) -> None:
        """Refuse one row (from 0)."""
        rejections.reject(reason, message, path=self.place, line=self.line_of(row))


def is_table_file(path: Path, layout: Layout = NOTHING_SAID) -> bool:
    """Tell whether a file may hold records: by its name, or because the user says how its fields are separated."""
    is_separated = layout.separator is not None or bool(layout.columns)
    return path.is_file() and (path.name.lower().endswith(SUFFIXES) or is_separated)


def read_table(
    path: Path,
    *,
    layout: Layout,
    rejections: Rejections,
    known: frozenset[str] = frozenset(),
    default_names: Callable[[int], list[str]] | None = None,
) -> Table:
    """Read a file of records: JSON Lines, a JSON list, CSV, TSV, text with other separators, or Parquet."""
    endings = [each.lower() for each in path.suffixes]
    if endings[-1:] == [".parquet"]:
        return Table(read_parquet(path), path, "Parquet")
    if any(each in endings for each in JSON_LINES):
        return json_lines(path, rejections)
    if ".json" in endings:
        return _json(path, rejections)
    read = read_delimited(path, layout=layout, rejections=rejections, known=known, default_names=default_names)
    kind = f"text separated by {named_separator(read.separator)}"
    kind += (
        ", its header replaced" if layout.columns and read.has_header else "" if read.has_header else ", without header"
    )
    return Table(read.table, path, kind, read.line_of)


def read_parquet(path: Path) -> pl.DataFrame:
    """Read one Parquet file."""
    if not path.is_file():
        raise DatasetError("this file is missing", path=path)
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise DatasetError(LFS_ADVICE, path=path)
    try:
        return parquet.read_parquet(path)
    except parquet.ParquetProblem as error:
        raise DatasetError(f"cannot be read as Parquet: {error}", path=path) from error


def table_of(data: object) -> Table | None:
    """Make a table of one in memory (pandas, polars, PyArrow, Hugging Face's `Dataset`); None for anything else."""
    frame = _frame_of(data)
    if frame is None:
        return None
    return Table(frame, Path("dataset"), f"table in memory ({type(data).__module__.split('.')[0]})")


def read_json_value(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Read a file that is one JSON value, plain or gzipped."""
    content = read_bytes(path)
    if problem := encoding_problem(content, 0):
        raise DatasetError(problem, path=path)
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"broken JSON: {error.msg} at character {error.colno}", path=path, line=error.lineno
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; nesting without end
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DatasetError(f"broken JSON: {reason}", path=path) from None
    if problem := half_character(content, value):
        raise DatasetError(problem, path=path)
    return value


def json_lines(path: Path, rejections: Rejections) -> Table:
    """Read a JSON Lines file, whatever its ending."""
    read = read_jsonl(path, texts=(), required=(), rejections=rejections)

    @cache
    def lines() -> Sequence[int]:
        return [number for number, _, _ in numbered_lines(path)] if read.lines is None else read.lines

    return Table(settled(read.table), path, "JSON Lines", lambda row: lines()[row], is_file=True)


def _json(path: Path, rejections: Rejections) -> Table:
    """Read a JSON list of objects; a file of that name that holds JSON Lines is read as such."""
    head = next(numbered_lines(path), None)
    if head is None:
        return Table(pl.DataFrame(), path, "JSON")
    first = parse_record(head[2]) if head[2].lstrip().startswith(b"{") else ""
    if isinstance(first, dict) and not _wraps_records(first):
        return json_lines(path, rejections)
    value = read_json_value(path)
    if _wraps_records(value):
        value = value["data"]
    if not isinstance(value, list):
        raise DatasetError(f"broken JSON: expected a list of objects, found {type(value).__name__}", path=path)
    for number, record in enumerate(value, start=1):
        if not isinstance(record, dict):
            raise DatasetError(f"record {number} is {type(record).__name__}, not an object in braces", path=path)
    if not value:
        return Table(pl.DataFrame(), path, "JSON")
    content = b"".join(json.dumps(record).encode() + b"\n" for record in value)
    return Table(settled(scan_records(io.BytesIO(content), (), path=path)), path, "JSON list")


def _wraps_records(value: object) -> bool:
    """Tell whether a JSON object has its records in `data`, as NeMo's files and others do."""
    records = value.get("data") if isinstance(value, Mapping) else None
    return isinstance(records, list) and all(isinstance(each, dict) for each in records)


def _frame_of(data: object) -> pl.DataFrame | None:
    module = type(data).__module__.split(".")[0]
    try:
        if isinstance(data, pl.DataFrame | pl.LazyFrame):
            return data.lazy().collect()
        if module == "pandas" and hasattr(data, "columns"):
            table: Any = data
            if any(name is not None for name in table.index.names):
                table = table.reset_index()
            strings = [str(name) for name in table.columns]
            return pl.from_pandas(table.set_axis(strings, axis=1))
        if module == "pyarrow":
            frame = pl.from_arrow(data)
            return frame if isinstance(frame, pl.DataFrame) else None
        if module == "datasets" and hasattr(data, "to_polars"):
            return hub_frame(data)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DatasetError(f"the table of {module} cannot be read: {reason}") from error
    return None


def hub_frame(data: Any) -> pl.DataFrame:  # noqa: ANN401 - the library has no types
    """Give the columns of a `Dataset` of Hugging Face; classes are their names, for their numbers say nothing."""
    frame: pl.DataFrame = data.to_polars()
    classes = {name: kind for name, kind in (data.features or {}).items() if type(kind).__name__ == "ClassLabel"}
    return frame.with_columns(
        pl.col(name).replace_strict(dict(enumerate(kind.names)), default=None, return_dtype=pl.String)
        for name, kind in classes.items()
    )
