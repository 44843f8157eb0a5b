"""JSON Lines into columns: fast where the file is sound, exact where it is not."""

import io
import json
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from hardneg.bounds import most_cells
from hardneg.data.headers import check_width
from hardneg.data.keys import check_keys
from hardneg.data.lines import (
    Record,
    begins_with_mark,
    encoding_problem,
    head_records,
    may_have_half_characters,
    numbered_lines,
    open_bytes,
    parse_record,
)
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_NARROW, _CHUNK = 60, 2**20  # keys for which a record of three bytes has cells enough; bytes
Schema = dict[str, pl.DataType | type[pl.DataType]]


@dataclass(frozen=True)
class JsonLines:
    """What was read from a JSON Lines file."""

    table: pl.DataFrame
    lines: Sequence[int] | None = None  # of each row; None where every line that is not blank is a row


def read_jsonl(path: Path, *, texts: Collection[str], required: Collection[str], rejections: Rejections) -> JsonLines:
    """Read a JSON Lines file, plain or gzipped.

    Where the first thousand records have only the keys named in `texts`, further keys are not looked for:
    this saves a second pass over a large corpus of plain texts.
    """
    head = head_records(path)
    records = [record for record in head if isinstance(record, dict)]
    has_others = any(key not in texts for record in records for key in record)
    looks_sound = len(records) == len(head) and not any(_record_problem(each, texts, required) for each in records)
    looks_sound &= not (begins_with_mark(path) or may_have_half_characters(path))
    if looks_sound:
        try:
            table = _scan(path, texts, path=path, others=has_others)
        except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error):
            looks_sound = False
        else:
            looks_sound = not any(_is_missing(table[key], key) for key in required)
    if looks_sound:
        return JsonLines(table)
    return _read_carefully(path, texts, required=required, rejections=rejections)


def scan_records(source: io.BytesIO, texts: Collection[str], *, path: Path) -> pl.DataFrame:
    """Read sound JSON Lines from memory; keys whose values are of unlike types become JSON text."""
    try:
        return _scan(source, texts, path=path, others=True)
    except pl.exceptions.PolarsError:
        return _read_mixed(source.getvalue(), texts, path=path)


def _scan(source: Path | io.BytesIO, texts: Collection[str], *, path: Path, others: bool) -> pl.DataFrame:
    schema: Schema = dict.fromkeys(texts, pl.String)
    if others:
        with _opened(source) as file:
            check_keys(file, _length(file, source), path=path)
        inferred = pl.scan_ndjson(source, infer_schema_length=None).collect_schema()
        _check_cells(inferred, source, path=path)
        schema |= {key: kind for key, kind in inferred.items() if key not in texts}
    return pl.scan_ndjson(source, schema=schema).collect()


def _check_cells(schema: pl.Schema, source: Path | io.BytesIO, *, path: Path) -> None:
    """Refuse keys without end: each record would have a cell for every key of any other."""
    n_columns = sum(map(_columns_of, schema.values()))
    check_width(n_columns, path=path)
    if n_columns <= _NARROW:
        return
    with _opened(source) as file:
        n_lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b""))
    size = source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes
    if n_columns * n_lines > most_cells(size):
        raise DatasetError(f"{n_columns:,} keys in {n_lines:,} records, nearly all of them empty", path=path)


def _opened(source: Path | io.BytesIO) -> IO[bytes]:
    return open_bytes(source) if isinstance(source, Path) else io.BytesIO(source.getvalue())


def _length(file: IO[bytes], source: Path | io.BytesIO) -> int:
    """Count the bytes of a file, unpacked."""
    if isinstance(source, Path) and source.suffix.lower() != ".gz":
        return source.stat().st_size
    return sum(map(len, iter(lambda: file.read(_CHUNK), b"")))


def _columns_of(kind: pl.DataType) -> int:
    inner = [field.dtype for field in getattr(kind, "fields", ())] or [getattr(kind, "inner", None)]
    return sum(1 if each is None else _columns_of(each) for each in inner)


def _is_missing(column: pl.Series, key: str) -> bool:
    return column.null_count() > 0 or (key == "_id" and bool((column == "").any()))


def _read_carefully(
    path: Path, texts: Collection[str], *, required: Collection[str], rejections: Rejections
) -> JsonLines:
    """Go through the lines to find the bad ones, then read the others."""
    sound, lines = io.BytesIO(), []
    for number, offset, line in numbered_lines(path):
        record = encoding_problem(line, offset) or parse_record(line)
        problem = record if isinstance(record, str) else _record_problem(record, texts, required)
        if problem is None:
            sound.write(line.strip() + b"\n")
            lines.append(number)
        else:
            rejections.reject("broken line", problem, path=path, line=number)
    if sound.tell() == 0:
        return JsonLines(pl.DataFrame(schema=dict.fromkeys(texts, pl.String)), lines)
    sound.seek(0)
    return JsonLines(scan_records(sound, texts, path=path), lines)


def _read_mixed(source: bytes, texts: Collection[str], *, path: Path) -> pl.DataFrame:
    """Read records some of whose other keys hold values of unlike types; these keys become JSON text."""
    records = [json.loads(line) for line in source.splitlines()]
    others = [key for key in dict.fromkeys(key for record in records for key in record) if key not in texts]
    try:
        table = pl.scan_ndjson(io.BytesIO(source), schema=dict.fromkeys(texts, pl.String)).collect()
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"cannot be read as JSON Lines: {error}", path=path) from error
    return table.with_columns(_column(key, [record.get(key) for record in records], path=path) for key in others)


def _column(key: str, values: list[Any], *, path: Path) -> pl.Series:
    alone = "".join(json.dumps({key: value}) + "\n" for value in values).encode()
    try:
        return _scan(io.BytesIO(alone), (), path=path, others=True)[key]
    except pl.exceptions.PolarsError:
        return pl.Series(key, [None if value is None else json.dumps(value) for value in values], pl.String)


def _record_problem(record: Record, texts: Collection[str], required: Collection[str]) -> str | None:
    for key in required:
        if record.get(key) is None or (key == "_id" and record[key] == ""):
            return f"no {key!r}; every record needs {' and '.join(map(repr, required))}"
    for key in texts:
        if isinstance(record.get(key), list | dict):
            return f"{key!r} is a {type(record[key]).__name__}, not a text"
    return None
