"""Text files of interactions and items: any separator, with or without a header, UTF-8 or not."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.lines import open_bytes
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.layouts import NamedLayout
from hardneg.domains.recommender.separator import BLANKS, find_separator, has_quotes, spelled
from hardneg.errors import DatasetError

_EXCEL = re.compile(r'"?sep=(.)"?\r?(?=\n)', re.IGNORECASE)
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16
_SAMPLE = 50  # lines that the separator is found from
_LATIN = "latin-1"


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """How a text file is written; what is not given is found from what it holds."""

    separator: str | None = None
    columns: tuple[str, ...] = ()
    no_header: bool = False
    encoding: str | None = None


@dataclass(frozen=True)
class TextTable:
    """What a text file holds, and how it was written."""

    table: pl.DataFrame
    lines: pl.Series
    separator: str
    has_header: bool
    encoding: str
    layout: NamedLayout | None = None


def read_text(
    path: Path,
    form: TextForm,
    *,
    is_header: Callable[[Sequence[str]], bool],
    layout: NamedLayout | None = None,
    wanted: str,
    rejections: Rejections,
) -> TextTable:
    """Read a text file of rows with fields."""
    text, encoding = _decoded(read_bytes(path), form.encoding or (layout.encoding if layout else None), path=path)
    text, told = _told(text)
    lines = _lines(text)
    if lines.is_empty():
        raise DatasetError("no rows in it", path=path)
    head: list[str] = lines["line"].head(_SAMPLE).to_list()
    at = (path, int(lines["number"][0]))
    layout = layout if layout is not None and _is_meant(layout, form, head[0], is_header) else None
    given = layout.separator if layout else told if form.separator is None else spelled(form.separator)
    separator = given or find_separator(head, is_header=is_header, n_columns=len(form.columns), at=at)
    rows, numbers = _rows(text, lines, separator, path=path)
    fields = rows[0].to_list()
    has_header = not form.no_header and layout is None and is_header(fields)
    names = _names(fields, form, layout, has_header=has_header, wanted=wanted, at=at)
    begin = int(has_header)
    table, kept = _sound(rows[begin:], numbers[begin:], names, has_header=has_header, path=path, rejections=rejections)
    return TextTable(table, kept, separator, has_header, encoding, layout)


def _is_meant(layout: NamedLayout, form: TextForm, line: str, is_header: Callable[[Sequence[str]], bool]) -> bool:
    """Tell whether a file is what its name says: the user says nothing else, and its first line is like that."""
    if form.columns or form.separator is not None or not layout.fits(line):
        return False
    return form.no_header or not is_header(line.split(layout.separator))


def _told(text: str) -> tuple[str, str | None]:
    """Take the separator from a first line such as `sep=;`, which Excel writes; the line is blank then."""
    found = _EXCEL.match(text)
    return (text, None) if found is None else (text[found.end() :], found[1])


def read_bytes(path: Path, limit: int = -1) -> bytes:
    """Read a file, unpacked if it is gzipped."""
    try:
        with open_bytes(path) as file:
            raw = file.read(limit)
        if raw.startswith(b"\x1f\x8b"):  # packed, whatever its name says
            with gzip.open(path) as file:
                raw = file.read(limit)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"damaged gzip file ({error}); make it anew", path=path) from error
    except OSError as error:
        raise DatasetError(f"cannot be read: {error.strerror or error}", path=path) from error
    if raw.startswith(b"PK\x03\x04"):
        raise DatasetError("is a zip archive (or an Excel file); unpack it, or save the table as CSV", path=path)
    return raw


def _decoded(raw: bytes, encoding: str | None, *, path: Path) -> tuple[str, str]:
    wide = raw.startswith(_WIDE)
    if not wide and not (encoding and b"\0" in raw[:1000]):
        try:
            return raw.decode("utf-8-sig"), "UTF-8"
        except UnicodeDecodeError as error:
            if encoding is None:
                raise DatasetError(
                    f"not UTF-8: byte 0x{raw[error.start]:02x} at byte offset {error.start}; name its encoding, such "
                    "as --encoding latin-1, or convert the file to UTF-8",
                    path=path,
                    line=raw.count(b"\n", 0, error.start) + 1,
                ) from None
    encoding = "utf-16" if wide else encoding or _LATIN
    try:
        return raw.decode(encoding), encoding
    except LookupError:
        raise DatasetError(
            f"there is no encoding {encoding!r}; for example latin-1, cp1252 or utf-16", path=path
        ) from None
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"neither UTF-8 nor {encoding} ({error.reason}); name another --encoding", path=path
        ) from None


def _lines(text: str) -> pl.DataFrame:
    """List the lines that hold something, with their numbers."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    try:
        lines = pl.read_csv(
            io.BytesIO(text.encode()),
            separator="\x01",
            quote_char=None,
            has_header=False,
            new_columns=["line"],
            infer_schema=False,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        lines = pl.DataFrame({"line": text.split("\n")}, schema={"line": pl.String})
    lines = lines.with_row_index("number", offset=1).with_columns(pl.col("line").str.strip_chars_end("\r"))
    return lines.filter(pl.col("line").str.contains(r"[^\s,;|:\"]"))


def _rows(text: str, lines: pl.DataFrame, separator: str, *, path: Path) -> tuple[pl.Series, pl.Series]:
    """Part all lines into fields, and number them; a quoted field may hold separators and line ends."""
    if '"' in text and has_quotes(lines["line"][0], separator):
        found = list(_quoted_rows(text, separator, path))
        return pl.Series([fields for _, fields in found]), pl.Series([number for number, _ in found])
    line = pl.col("line")
    if separator == BLANKS:
        line = line.str.strip_chars().str.replace_all(r"\s+", BLANKS)
    return lines.select(line.str.split(separator).alias("fields"))["fields"], lines["number"]


def _quoted_rows(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    start = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        advice = "a quoted field ends with its quote, and quotes inside it are doubled"
        raise DatasetError(f"broken CSV: {error}; {advice}", path=path, line=start) from error


def _names(
    fields: Sequence[str],
    form: TextForm,
    layout: NamedLayout | None,
    *,
    has_header: bool,
    wanted: str,
    at: tuple[Path, int],
) -> list[str]:
    path, line = at
    shown = ", ".join(map(repr, fields))
    if form.columns:
        names = list(form.columns)
        if len(names) != len(fields):
            raise DatasetError(
                f"--columns names {len(names)} columns ({', '.join(names)}), but the line has {len(fields)} fields: "
                f"{shown}; name them all in order, or the separator with --separator",
                path=path,
                line=line,
            )
    elif layout is not None:
        names = list(layout.columns)
    elif has_header:
        names = [name.strip() for name in fields]
    else:
        raise DatasetError(f"the first line names no known column: {shown}; {wanted}", path=path, line=line)
    names = [name if name.strip(" _") else f"column {number}" for number, name in enumerate(names, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"column {name!r} is there twice; rename one", path=path, line=line)
    return names


def _sound(
    rows: pl.Series, numbers: pl.Series, names: list[str], *, has_header: bool, path: Path, rejections: Rejections
) -> tuple[pl.DataFrame, pl.Series]:
    """Keep the rows that have a field for each name."""
    if rows.is_empty():
        raise DatasetError("no rows in it", path=path)
    sizes = rows.list.len()
    known = "the header has" if has_header else "there should be"
    for number, size in zip(numbers.filter(sizes != len(names)), sizes.filter(sizes != len(names)), strict=True):
        message = f"{size} field{'s' if size > 1 else ''} where {known} {len(names)}"
        rejections.reject("broken line", message, path=path, line=number)
    kept = rows.filter(sizes == len(names))
    columns = [kept.list.get(at).cast(pl.String).alias(name) for at, name in enumerate(names)]
    return pl.DataFrame(columns), numbers.filter(sizes == len(names))
