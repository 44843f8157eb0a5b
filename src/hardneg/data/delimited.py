"""Text files of fields between separators: CSV, TSV, and what people call by these names."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import polars as pl

from hardneg.bounds import MOST_COLUMNS
from hardneg.data.headers import check_width, counted_fields, header_names, plain_name, without_nameless
from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.lines import encoding_problem, numbered_lines, open_bytes, raise_encoding_error
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SEPARATORS = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'"}
BLANKS = " "  # any run of blanks and tabs
_MAX_FIELD = 2**31 - 1
_EXCEL_SEPARATOR = re.compile(r"\"?sep=(.)\"?\r?(?=\n|$)", re.IGNORECASE)
_TYPOGRAPHIC = "“”„«»"


@dataclass(frozen=True)
class Delimited:
    """What was read from a text file of fields."""

    path: Path
    table: pl.DataFrame
    separator: str
    has_header: bool
    lines: Sequence[int] | None = None  # on which each row starts; None where they are looked up when asked for

    def line_of(self, row: int) -> int | None:
        """Find the line on which a row (from 0) starts."""
        if self.lines is not None:
            return self.lines[row]
        rows = delimited_rows(self.path, self.separator)
        return next((line for line, _ in islice(rows, row + int(self.has_header), None)), None)


def read_delimited(
    path: Path,
    *,
    layout: Layout,
    rejections: Rejections,
    known: frozenset[str] = frozenset(),
    default_names: Callable[[int], list[str]] | None = None,
) -> Delimited:
    """Read a text file of fields, plain or gzipped.

    A file in which tabs separate has no quoting: quotes are text. Elsewhere CSV's quoting holds. Blank lines, rows of
    empty fields, a byte order mark and either line ending make no difference. The separator is the one that the first
    line has; where it has several, the one that gives names in `known`.
    """
    first = _first_line(path)
    if first is None:
        return Delimited(path, pl.DataFrame(), ",", has_header=not layout.no_header)
    begin, _, excel_separator = first
    separator = layout.separator or excel_separator or _separator(path, first, known=known)
    if first[1].count(separator) >= MOST_COLUMNS:
        check_width(len(fields_of(first[1], separator, quotes=_has_quotes(separator))), path=path, line=begin)
    names = _names_in_place_of_a_header(path, first, separator, layout, default_names) if layout.no_header else None
    has_names = layout.no_header or not layout.columns
    table, lines = None, None
    is_one_line = first[1].count('"') % 2 == 0 or not _has_quotes(separator)
    if (
        has_names
        and is_one_line
        and begin == 1
        and excel_separator is None
        and len(separator.encode()) == 1
        and separator != BLANKS
    ):
        table = _read_fast(path, separator, names=names)
    if table is None:
        table, lines = _read_carefully(path, separator, names=names, layout=layout, begin=begin, rejections=rejections)
    return Delimited(path, table, separator, has_header=names is None, lines=lines)


def named_separator(separator: str) -> str:
    """Name a separator for people."""
    return SEPARATORS.get(separator, "blanks" if separator == BLANKS else f"'{separator}'")


def without_excel(text: str) -> tuple[str, str | None]:
    """Take the separator from a first line such as `sep=;`, which Excel writes; None where there is none."""
    match = _EXCEL_SEPARATOR.match(text)
    return (text, None) if match is None else (text[match.end() :], match[1])


def likely_separators(
    lines: Sequence[str],
    among: Iterable[str],
    *,
    is_quoted: Callable[[str], bool],
    score: Callable[[str, list[list[str]]], Any],
) -> list[str]:
    """List the separators that part the first line and whose rows score best; several where that is left open."""
    parts = {each: [fields_of(line, each, quotes=is_quoted(each)) for line in lines] for each in among}
    scores = {each: score(each, rows) for each, rows in parts.items() if len(rows[0]) > 1}
    return [each for each, reached in scores.items() if reached == max(scores.values())]


def fields_of(line: str, separator: str, *, quotes: bool) -> list[str]:
    """Part one line into fields; broken quotes are text."""
    if separator == BLANKS:
        return line.split()
    if quotes and '"' in line:
        with suppress(csv.Error):
            return next(csv.reader([line], delimiter=separator), [line])
    return line.split(separator)


def text_lines(text: str) -> pl.DataFrame:
    """List the lines of a text (`text`) with their numbers from 1 (`line`)."""
    # Not by polars' own reader, which unpacks any file whose first two letters happen to be "x^".
    lines = pl.Series("text", [text]).str.split("\n").explode().str.strip_chars_end("\r")
    return lines.to_frame().with_row_index("line", offset=1)


def split_lines(separator: str) -> pl.Expr:
    """Part the column `text` into a column `fields` of lists, without quoting."""
    text = pl.col("text")
    if separator == BLANKS:
        text = text.str.strip_chars().str.replace_all(r"\s+", BLANKS)
    return text.str.split(separator).alias("fields")


def csv_rows(file: TextIO, separator: str, *, path: Path, begin: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Go through the rows of a text with quoting, each with the line on which it starts."""
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(file, delimiter=separator, strict=True)
    start = 1
    try:
        for fields in reader:
            if start >= begin and any(field.strip() for field in fields):
                yield start, fields
            start = reader.line_num + 1
    except csv.Error as error:
        advice = "a quoted field ends with its quote, and quotes inside it are doubled"
        raise DatasetError(f"broken CSV: {error}; {advice}", path=path, line=start) from error


def delimited_rows(path: Path, separator: str, *, begin: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Go through the rows of a text file, a header among them, each with the line on which it starts."""
    quotes = _has_quotes(separator)
    try:
        with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="" if quotes else "\n") as file:
            if quotes:
                yield from csv_rows(file, separator, path=path, begin=begin)
                return
            for number, line in enumerate(file, start=1):
                fields = fields_of(line.rstrip("\r\n"), separator, quotes=False)
                if number >= begin and any(field.strip() for field in fields):
                    yield number, fields
    except UnicodeDecodeError:
        raise_encoding_error(path)
        raise


def named_rows(path: Path, *, known: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Go through the rows of a text file with a header, each with the line on which it starts."""
    first = _first_line(path)
    if first is None:
        return
    names = {plain_name(name): name for name in known}
    begin, _, excel_separator = first
    rows = delimited_rows(path, excel_separator or _separator(path, first, known=frozenset(names)), begin=begin)
    line, fields = next(rows)
    header = [names.get(plain_name(name), name) for name in header_names(fields, NOTHING_SAID, path=path, line=line)]
    for line, fields in rows:
        if len(fields) != len(header):
            message = f"{counted_fields(len(fields))} where the header has {len(header)}"
            raise DatasetError(message, path=path, line=line)
        yield line, dict(zip(header, fields, strict=True))


def _has_quotes(separator: str) -> bool:
    return len(separator) == 1 and separator not in ("\t", BLANKS)


def _first_line(path: Path) -> tuple[int, str, str | None] | None:
    """Find the first line that is not blank, and the separator that a line of Excel's before it names."""
    separator = None
    for number, offset, line in numbered_lines(path):
        if problem := encoding_problem(line, offset):
            raise DatasetError(problem, path=path, line=number)
        text = line.decode("utf-8-sig").rstrip("\r\n")
        if number == 1 and (match := _EXCEL_SEPARATOR.fullmatch(text)):
            separator = match[1]
        elif any(part.strip() for part in re.split(r"[,;\t|]", text)):
            return number, text, separator
    return None


def _separator(path: Path, first: tuple[int, str, str | None], *, known: frozenset[str]) -> str:
    """Find the separator of a first line; where several part it, the one that gives most of the known names."""
    line, text, _ = first

    def n_known(_: str, rows: list[list[str]]) -> int:
        return sum(plain_name(field) in known for field in rows[0])

    best = likely_separators([text], SEPARATORS, is_quoted=_has_quotes, score=n_known)
    if ".tsv" in path.name.lower() and ("\t" in text or not best):
        return "\t"
    if len(best) > 1:
        shown = " or ".join(SEPARATORS[each] for each in best)
        raise DatasetError(f"{shown} may separate the fields; say which: --separator ';'", path=path, line=line)
    return best[0] if best else ","


def _names_in_place_of_a_header(
    path: Path,
    first: tuple[int, str, str | None],
    separator: str,
    layout: Layout,
    default_names: Callable[[int], list[str]] | None,
) -> list[str]:
    """Name the columns of a file without header: as the user does, or by their number."""
    line, text, _ = first
    if layout.columns:
        fields = fields_of(text, separator, quotes=_has_quotes(separator))
        if [*map(plain_name, fields)] == [*map(plain_name, layout.columns)]:
            raise DatasetError(
                "the first line is the header that --columns repeats, though --no-header says that there is none; "
                "leave both out",
                path=path,
                line=line,
            )
        return list(layout.columns)
    if default_names is None:
        raise DatasetError("the file has no header; name its columns in order with --columns", path=path, line=line)
    n_fields = len(next(delimited_rows(path, separator, begin=line))[1])
    try:
        return default_names(n_fields)
    except DatasetError as error:
        raise DatasetError(str(error), path=path, line=line) from None


def _read_fast(path: Path, separator: str, *, names: Sequence[str] | None) -> pl.DataFrame | None:
    """Read a sound file, with a header unless names are given; None where it has to be looked at row by row."""
    try:
        table = pl.read_csv(
            path,
            separator=separator,
            quote_char='"' if _has_quotes(separator) else None,
            infer_schema=False,
            empty_string_is_null=False,
            has_header=names is None,
        )
    except (pl.exceptions.PolarsError, OSError):
        return None
    if names is not None:
        if table.width != len(names):
            return None
        table.columns = list(names)
    # Polars fills blank lines and short rows with empty texts: rows that end in one may be such.
    may_be_short = (table.to_series(-1).str.strip_chars().fill_null("") == "").any()
    was_renamed = any("_duplicated_" in name or not name.strip() for name in table.columns)
    has_carriage_returns = table.to_series(-1).str.contains("\r", literal=True).any()
    return None if may_be_short or was_renamed or has_carriage_returns else table.fill_null("")


def _read_carefully(
    path: Path, separator: str, *, names: Sequence[str] | None, layout: Layout, begin: int, rejections: Rejections
) -> tuple[pl.DataFrame, list[int]]:
    """Read row by row and refuse those whose number of fields differs from the header's."""
    raise_encoding_error(path)
    rows = delimited_rows(path, separator, begin=begin)
    first, fields = next(rows, (begin, []))
    if names is None:
        names = header_names(fields, layout, path=path, line=first)
    else:
        rows = chain([(first, fields)], rows)
        if len(fields) != len(names):
            raise DatasetError(
                f"{counted_fields(len(fields))} in the first row, but --columns names {len(names)}: "
                f"{', '.join(names)}; name each column once, in order",
                path=path,
                line=first,
            )
    sound, lines = [], []
    for line, fields in rows:
        if len(fields) == len(names):
            sound.append(fields)
            lines.append(line)
            continue
        message = f"{counted_fields(len(fields))} where the header has {len(names)}"
        if _has_quotes(separator) and any(mark in field for mark in _TYPOGRAPHIC for field in fields):
            message += '; typographic quotes are text and keep no separator inside a field: write "…"'
        rejections.reject("wrong number of fields", message, path=path, line=line)
    table = pl.DataFrame(sound, schema=dict.fromkeys(names, pl.String), orient="row")
    return without_nameless(table, lines, path=path), lines
