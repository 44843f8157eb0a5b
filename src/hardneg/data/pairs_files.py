"""Files of pairs into one table, whatever their format."""

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from hardneg.data.jsonl import read_jsonl
from hardneg.data.lines import encoding_problem, numbered_lines, open_bytes, raise_encoding_error
from hardneg.data.metadata import settled
from hardneg.data.parquet import read_parquet
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_MAX_FIELD = 2**31 - 1


def read_table(path: Path, *, rejections: Rejections) -> pl.DataFrame:
    """Read a file of pairs into a table of texts and lists of texts.

    Args:
        path: JSON Lines, CSV, TSV or Parquet.
        rejections: What to do with a bad line.

    Returns:
        The columns of the file; blank fields of CSV and TSV are empty texts.

    Raises:
        DatasetError: A line is broken, not UTF-8 or has the wrong number of fields, and is not to be skipped.
    """
    if path.suffix == ".parquet":
        return read_parquet(path)
    if ".jsonl" in path.suffixes:
        return settled(read_jsonl(path, texts=(), required=(), rejections=rejections))
    return _read_csv(path, rejections)


def line_of_row(path: Path, row: int) -> int | None:
    """Find the line of a row (from 0) of a text file; None for Parquet and what is no file."""
    if path.suffix == ".parquet" or not path.is_file():
        return None
    if ".jsonl" in path.suffixes:
        return next((number for number, _, _ in islice(numbered_lines(path), row, None)), None)
    return next((line for line, _ in islice(_csv_rows(path), row + 1, None)), None)


def _read_csv(path: Path, rejections: Rejections) -> pl.DataFrame:
    is_tsv = ".tsv" in path.suffixes
    for number, offset, header in islice(numbered_lines(path), 1):  # polars reads a header leniently
        if problem := encoding_problem(header, offset):
            raise DatasetError(problem, path=path, line=number)
    try:
        table = pl.read_csv(
            path,
            separator="\t" if is_tsv else ",",
            quote_char=None if is_tsv else '"',
            infer_schema=False,
            empty_string_is_null=False,
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except (pl.exceptions.PolarsError, OSError):
        return _read_csv_carefully(path, rejections)
    # Polars fills blank lines and short rows with empty texts: rows that end in one may be such.
    may_be_short = (table.to_series(-1).str.strip_chars().fill_null("") == "").any()
    was_renamed = any("_duplicated_" in name for name in table.columns)
    return _read_csv_carefully(path, rejections) if may_be_short or was_renamed else table


def _read_csv_carefully(path: Path, rejections: Rejections) -> pl.DataFrame:
    """Read row by row and refuse those whose number of fields differs from the header's."""
    raise_encoding_error(path)
    rows = _csv_rows(path)
    first, header = next(rows, (1, []))
    for name in header:
        if header.count(name) > 1:
            raise DatasetError(f"column {name!r} is there twice; rename one", path=path, line=first)
    sound = []
    for line, fields in rows:
        if len(fields) == len(header):
            sound.append(fields)
        else:
            message = f"{_counted(len(fields))} where the header has {len(header)}"
            rejections.reject("broken line", message, path=path, line=line)
    return pl.DataFrame(sound, schema=dict.fromkeys(header, pl.String), orient="row")


def _counted(n: int) -> str:
    return "1 field" if n == 1 else f"{n} fields"


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows, header first, each with the line on which it starts; rows of blanks are passed over."""
    csv.field_size_limit(_MAX_FIELD)
    is_tsv = ".tsv" in path.suffixes
    with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(
            file,
            delimiter="\t" if is_tsv else ",",
            quoting=csv.QUOTE_NONE if is_tsv else csv.QUOTE_MINIMAL,
            strict=True,
        )
        start = 1
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield start, fields
                start = reader.line_num + 1
        except csv.Error as error:
            advice = "a quoted field ends with its quote, and quotes inside it are doubled"
            raise DatasetError(f"broken CSV: {error}; {advice}", path=path, line=start) from error
