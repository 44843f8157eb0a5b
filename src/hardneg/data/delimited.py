"""Text files of fields between separators: CSV, TSV, and what people call by these names."""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import polars as pl

from hardneg.data.layout import NOTHING_SAID, Layout
from hardneg.data.lines import encoding_problem, numbered_lines, open_bytes, raise_encoding_error
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SEPARATORS = {"\t": "a tab", ",": "','", ";": "';'", "|": "'|'"}
_MAX_FIELD = 2**31 - 1
_EXCEL_SEPARATOR = re.compile(rb"^(?:\xef\xbb\xbf)?\"?sep=(.)\"?\r?\n?$", re.IGNORECASE)
_TYPOGRAPHIC = "“”„«»"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_WORDS_OF_A_NAME = 3
_NAMELESS = "\x00"  # no name in a file begins so


@dataclass(frozen=True)
class Delimited:
    """What was read from a text file of fields."""

    table: pl.DataFrame
    separator: str
    has_header: bool
    lines: Sequence[int] | None = None


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
        return Delimited(pl.DataFrame(), ",", has_header=not layout.no_header)
    start, text, given = first
    is_tsv = ".tsv" in path.name.lower()
    separator = layout.separator or given or _separator(text, path=path, line=start, known=known, is_tsv=is_tsv)
    quotes = separator != "\t" and len(separator) == 1 and separator != " "
    header: Sequence[str] | None = layout.columns if layout.no_header else None
    if header and [plain_name(field) for field in _fields(text, separator)] == [plain_name(name) for name in header]:
        raise DatasetError(
            "the first line is the header that --columns repeats, though --no-header says that there is none; leave "
            "both out",
            path=path,
            line=start,
        )
    if layout.no_header and not header:
        if default_names is None:
            raise DatasetError(
                "the file has no header; name its columns in order with --columns", path=path, line=start
            )
        n_fields = len(next(delimited_rows(path, separator, quotes=quotes, begin=start))[1])
        try:
            header = default_names(n_fields)
        except DatasetError as error:
            raise DatasetError(str(error), path=path, line=start) from None
    renamed = bool(layout.columns) and not layout.no_header
    plain = start == 1 and given is None and len(separator.encode()) == 1 and separator != " " and not renamed
    fast = _read_fast(path, separator, quotes=quotes, names=header) if plain else None
    if fast is not None:
        return Delimited(fast, separator, has_header=header is None)
    table, lines = _read_carefully(
        path, separator, quotes=quotes, header=header, layout=layout, begin=start, rejections=rejections
    )
    return Delimited(table, separator, has_header=header is None, lines=lines)


def plain_name(name: str) -> str:
    """Write a name of a column without what people vary: case, blanks, `-`, `_`."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def named_separator(separator: str) -> str:
    """Name a separator for people."""
    return SEPARATORS.get(separator, "blanks" if separator == " " else f"'{separator}'")


def delimited_rows(path: Path, separator: str, *, quotes: bool, begin: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Go through the rows of a text file, a header among them, each with the line on which it starts."""
    csv.field_size_limit(_MAX_FIELD)
    plain = len(separator) > 1 or not quotes
    with io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="\n" if plain else "") as file:
        if plain:
            for number, line in enumerate(file, start=1):
                text = line.rstrip("\r\n")
                fields = text.split() if separator == " " else text.split(separator)
                if number >= begin and any(field.strip() for field in fields):
                    yield number, fields
            return
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


def named_rows(path: Path, *, known: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Go through the rows of a text file with a header, each with the line on which it starts."""
    first = _first_line(path)
    if first is None:
        return
    names = {plain_name(name): name for name in known}
    begin, text, given = first
    separator = given or _separator(text, path=path, line=begin, known=frozenset(names), is_tsv=".tsv" in path.suffixes)
    rows = delimited_rows(path, separator, quotes=separator != "\t", begin=begin)
    line, fields = next(rows)
    header = [names.get(plain_name(name), name) for name in _header(fields, NOTHING_SAID, path=path, line=line)]
    for line, fields in rows:
        if len(fields) != len(header):
            raise DatasetError(f"{_counted(len(fields))} where the header has {len(header)}", path=path, line=line)
        yield line, dict(zip(header, fields, strict=True))


def _first_line(path: Path) -> tuple[int, str, str | None] | None:
    """Find the first line that is not blank, and the separator that a line of Excel's before it names."""
    given = None
    for number, offset, line in numbered_lines(path):
        if problem := encoding_problem(line, offset):
            raise DatasetError(problem, path=path, line=number)
        if number == 1 and (match := _EXCEL_SEPARATOR.match(line)):
            given = match[1].decode()
            continue
        text = line.decode("utf-8-sig").rstrip("\r\n")
        if any(part.strip() for part in re.split(r"[,;\t|]", text)):
            return number, text, given
    return None


def _separator(text: str, *, path: Path, line: int, known: frozenset[str], is_tsv: bool) -> str:
    counts = {each: len(_fields(text, each)) for each in SEPARATORS}
    several = [each for each, count in counts.items() if count > 1]
    if is_tsv and ("\t" in several or not several):
        return "\t"
    named = {each: sum(plain_name(field) in known for field in _fields(text, each)) for each in several}
    best = [each for each in several if named[each] == max(named.values())]
    if len(best) > 1:
        shown = " or ".join(SEPARATORS[each] for each in best)
        raise DatasetError(f"{shown} may separate the fields; say which: --separator ';'", path=path, line=line)
    return best[0] if best else "\t" if is_tsv else ","


def _fields(text: str, separator: str) -> list[str]:
    if separator == "\t":
        return text.split(separator)
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return text.split(separator)


def _read_fast(path: Path, separator: str, *, quotes: bool, names: Sequence[str] | None) -> pl.DataFrame | None:
    """Read a sound file, with a header unless names are given; None where it has to be looked at row by row."""
    try:
        table = pl.read_csv(
            path,
            separator=separator,
            quote_char='"' if quotes else None,
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
    path: Path,
    separator: str,
    *,
    quotes: bool,
    header: Sequence[str] | None,
    layout: Layout,
    begin: int,
    rejections: Rejections,
) -> tuple[pl.DataFrame, list[int]]:
    """Read row by row and refuse those whose number of fields differs from the header's."""
    raise_encoding_error(path)
    rows = delimited_rows(path, separator, quotes=quotes, begin=begin)
    first, fields = next(rows, (begin, []))
    if header is None:
        names = _header(fields, layout, path=path, line=first)
    else:
        names, rows = list(header), chain([(first, fields)], rows)
        if len(fields) != len(names):
            raise DatasetError(
                f"{_counted(len(fields))} in the first row, but --columns names {len(names)}: {', '.join(names)}; name "
                "each column once, in order",
                path=path,
                line=first,
            )
    sound, lines = [], []
    for line, found in rows:
        if len(found) == len(names):
            sound.append(found)
            lines.append(line)
            continue
        message = f"{_counted(len(found))} where the header has {len(names)}"
        if quotes and any(mark in field for mark in _TYPOGRAPHIC for field in found):
            message += '; typographic quotes are text and keep no separator inside a field: write "…"'
        rejections.reject("wrong number of fields", message, path=path, line=line)
    table = pl.DataFrame(sound, schema=dict.fromkeys(names, pl.String), orient="row")
    return _without_nameless(table, lines, path=path), lines


def _without_nameless(table: pl.DataFrame, lines: Sequence[int], *, path: Path) -> pl.DataFrame:
    """Drop what a separator at the end of each line makes and pandas' row numbers; refuse others without a name."""
    nameless = [name for name in table.columns if name.startswith(_NAMELESS)]
    for name in nameless:
        if name == table.columns[0] and _are_row_numbers(table[name]):
            continue
        filled = table[name].str.strip_chars() != ""
        if filled.any():
            row = filled.arg_max() or 0
            number, value = name.removeprefix(_NAMELESS), table[name][row]
            raise DatasetError(
                f"column {number} has no name in the header, but holds {value!r}; name it", path=path, line=lines[row]
            )
    return table.drop(nameless)


def _are_row_numbers(values: pl.Series) -> bool:
    """Tell whether a column counts rows upwards; some may be missing."""
    numbers = values.cast(pl.Int64, strict=False)
    return numbers.null_count() == 0 and bool((numbers.diff().drop_nulls() > 0).all())


def _header(fields: list[str], layout: Layout, *, path: Path, line: int) -> list[str]:
    """Take the names of a header, or those that the user gives in their place."""
    if layout.columns:
        refuse_replaced(fields, layout.columns, path=path, line=line)
        if len(layout.columns) != len(fields):
            raise DatasetError(
                f"the header has {_counted(len(fields))}, but --columns names {len(layout.columns)}; name each column "
                "once, in order (and say --no-header if the first line is data)",
                path=path,
                line=line,
            )
        return list(layout.columns)
    fields = [name if name.strip() else f"{_NAMELESS}{number}" for number, name in enumerate(fields, start=1)]
    for name in fields:
        if fields.count(name) > 1:
            raise DatasetError(f"column {name!r} is there twice; rename one", path=path, line=line)
    return fields


def refuse_replaced(fields: Sequence[str], columns: Sequence[str], *, path: Path, line: int) -> None:
    """Refuse names that contradict the header that they are to replace, or replace a first line of data."""
    there = [plain_name(field) for field in fields]
    for place, name in enumerate(map(plain_name, columns)):
        if name in there and there.index(name) != place:
            raise DatasetError(
                f"the header has {fields[there.index(name)]!r} as column {there.index(name) + 1}, but --columns names "
                f"it as column {place + 1}; columns are found by the names of the header, so leave --columns out, or "
                "name all in the order of the file",
                path=path,
                line=line,
            )
    odd = next((field for field in fields if looks_like_data(field)), None)
    if odd is not None:
        raise DatasetError(
            f"the first line holds {odd!r}, which does not look like the name of a column; if it is data, say "
            "--no-header beside --columns; if not, name the columns that are needed with --query, --positive, …",
            path=path,
            line=line,
        )


def looks_like_data(field: str) -> bool:
    """Tell whether a field of the first line is a number or a sentence, and no name of a column."""
    return _NUMBER.fullmatch(field.strip()) is not None or len(field.split()) > _WORDS_OF_A_NAME


def _counted(n: int) -> str:
    return "1 field" if n == 1 else f"{n} fields"


def line_of_row(path: Path, delimited: Delimited, row: int) -> int | None:
    """Find the line on which a row (from 0) starts."""
    if delimited.lines is not None:
        return delimited.lines[row]
    quotes = delimited.separator != "\t"
    rows = delimited_rows(path, delimited.separator, quotes=quotes)
    return next((line for line, _ in islice(rows, row + int(delimited.has_header), None)), None)
