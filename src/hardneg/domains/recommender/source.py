"""Files of interactions or items, opened by what they hold: text with any separator and encoding, JSON, Parquet."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from hardneg.data.delimited import (
    BLANKS,
    csv_rows,
    likely_separators,
    named_separator,
    split_lines,
    text_lines,
    without_excel,
)
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import counted_fields
from hardneg.data.layout import NOTHING_SAID, spelled
from hardneg.data.lines import read_bytes
from hardneg.data.readers.table import Table, json_lines, read_parquet, read_table
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import NamedLayout, layout_of, names_columns, typed_names
from hardneg.errors import DatasetError

_SHOWN = 5
_SAMPLE = 50  # lines that the separator is found from
_SEPARATORS = ("::", "\t", ";", "|", ",", BLANKS)
_QUOTED = (",", ";")  # where a field may stand in quotes
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """How a text file is written; what is not given is found from what it holds."""

    separator: str | None = None
    columns: tuple[str, ...] = ()
    no_header: bool = False
    encoding: str | None = None


@dataclass(frozen=True)
class SourceTable:
    """A table and where it comes from."""

    path: Path
    table: pl.DataFrame
    kind: str  # "text", "JSON Lines", "JSON list" or "Parquet"
    line: Callable[[int], int | None]  # that of a row, from 0; None where there are no lines
    has_names: bool = True  # whether the file itself names its columns
    layout: NamedLayout | None = None
    types: Mapping[str, str] = field(default_factory=dict)  # of each column, where the header gives it
    notes: tuple[str, ...] = ()  # how a text was read

    def named(self, column: str) -> str:
        """Name a column for people: by its place where the file has no names."""
        is_named = self.has_names or column not in self.table.columns
        return column if is_named else f"column {self.table.columns.index(column) + 1}"

    def mapping(
        self, what: str, fields: Mapping[str, str | None], *, ignored: Sequence[str] = (), notes: Sequence[str] = ()
    ) -> FieldMapping:
        """Say what became of the file."""
        layout = "RecBole" if self.types else self.layout.name if self.layout else f"{what} in {self.kind}"
        roles = tuple((role, name) for role, name in fields.items() if name)
        return FieldMapping(layout, roles, tuple(ignored), (*self.notes, *notes))


def open_source(
    path: Path, form: TextForm, *, given: tuple[str | None, ...], wanted: str, rejections: Rejections
) -> SourceTable:
    """Read a file of rows by what it holds, whatever its ending."""
    if path.is_dir():
        files = ", ".join(sorted(each.name for each in path.iterdir() if each.is_file())[:_SHOWN])
        raise DatasetError(f"is a folder; name the file in it (it has: {files or 'no file'})", path=path)
    if not path.exists():
        raise DatasetError("no such file", path=path)
    start = b"PAR1" if path.suffix == ".parquet" else read_bytes(path, 1_000)
    is_json = start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") or ".json" in path.suffixes
    if is_json or start.startswith(b"PAR1"):
        return _read_named(path, form, is_json=is_json, rejections=rejections)
    source = _read_text(path, form, given=given, wanted=wanted, rejections=rejections)
    if source.table.is_empty():
        raise DatasetError("no usable rows in it", path=path)
    return source


def id_text(column: pl.Expr) -> pl.Expr:
    """Give ids as texts; blank ones are null."""
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _read_named(path: Path, form: TextForm, *, is_json: bool, rejections: Rejections) -> SourceTable:
    """Read JSON or Parquet, whose fields have names."""
    if form.columns or form.no_header or form.separator:
        raise DatasetError(
            f"is {'JSON' if is_json else 'Parquet'}, whose fields have names of their own: leave out --columns, "
            "--no-header and --separator, and name columns with --user, --item, --time and --rating",
            path=path,
        )
    if not is_json:
        table = Table(read_parquet(path), path, "Parquet")
    elif ".json" in path.suffixes:  # one list, or lines after all
        table = read_table(path, layout=NOTHING_SAID, rejections=rejections)
    else:
        table = json_lines(path, rejections)
    if table.frame.is_empty():
        raise DatasetError("no rows in it", path=path)
    return SourceTable(path, table.frame, table.kind, table.line_of)


def _read_text(
    path: Path, form: TextForm, *, given: tuple[str | None, ...], wanted: str, rejections: Rejections
) -> SourceTable:
    """Read a text file of rows with fields."""
    layout = layout_of(path.name)
    text, encoding = _decoded(path, form.encoding or (layout.encoding if layout else None))
    text, excel_separator = without_excel(text)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = text_lines(text).filter(pl.col("text").str.contains(r"[^\s,;|:\"]"))
    if lines.is_empty():
        raise DatasetError("no rows in it", path=path)
    head, at = lines["text"].head(_SAMPLE).to_list(), (path, int(lines["line"][0]))
    if layout is not None and not _is_meant(layout, form, head[0], given):
        layout = None
    separator = layout.separator if layout else excel_separator if form.separator is None else spelled(form.separator)
    separator = separator or _separator(head, form, given=given, at=at)
    rows = lines.select("line", split_lines(separator))
    if '"' in text and _has_quotes(head[0], separator):
        quoted = csv_rows(io.StringIO(text, newline=""), separator, path=path)
        rows = pl.DataFrame(list(quoted), ["line", "fields"], orient="row")
    fields = rows["fields"][0].to_list()
    has_header = not form.no_header and layout is None and names_columns(fields, given)
    names = _names(fields, form, layout, has_header=has_header, wanted=wanted, at=at)
    rows = _sound(rows[int(has_header) :], len(names), has_header=has_header, path=path, rejections=rejections)
    table = rows.select(pl.col("fields").list.get(at).cast(pl.String).alias(name) for at, name in enumerate(names))
    types = typed_names(names) if has_header else {}
    table = table.rename({f"{name}:{kind}": name for name, kind in types.items()})
    header = "a header" if has_header else "no header"
    note = f"{path.name} is {encoding}, {named_separator(separator)} between fields, {header}"
    line_of = rows["line"].__getitem__
    return SourceTable(path, table, "text", line_of, has_header, layout, types, (note,))


def _decoded(path: Path, encoding: str | None) -> tuple[str, str]:
    """Read a text and name its encoding: UTF-8 if it is that, else what its mark says or the user, or its layout."""
    raw = read_bytes(path)
    is_wide = raw.startswith(_WIDE)
    if not is_wide and not (encoding and b"\0" in raw[:1000]):
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
    encoding = "utf-16" if is_wide else str(encoding)
    try:
        return raw.decode(encoding), encoding
    except LookupError:
        message = f"there is no encoding {encoding!r}; for example latin-1, cp1252 or utf-16"
    except UnicodeDecodeError as error:
        message = f"neither UTF-8 nor {encoding} ({error.reason}); name another --encoding"
    raise DatasetError(message, path=path)


def _is_meant(layout: NamedLayout, form: TextForm, line: str, given: tuple[str | None, ...]) -> bool:
    """Tell whether a file is what its name says: the user says nothing else, and its first line is like that."""
    if form.columns or form.separator is not None or not layout.fits(line):
        return False
    return form.no_header or not names_columns(line.split(layout.separator), given)


def _separator(head: list[str], form: TextForm, *, given: tuple[str | None, ...], at: tuple[Path, int]) -> str:
    """Find the separator: one that names known columns, else the one that parts all lines alike and most finely."""
    path, line = at

    def score(separator: str, rows: list[list[str]]) -> tuple[bool, bool, bool, float, int]:
        size, is_named = len(rows[0]), names_columns(rows[0], given)
        alike = sum(len(row) == size for row in rows) / len(rows)
        return is_named, not is_named and size == len(form.columns), separator != BLANKS, alike, size

    best = likely_separators(head, _SEPARATORS, is_quoted=partial(_has_quotes, head[0]), score=score)
    if not best:
        raise DatasetError(
            f"nothing separates fields in {head[0][:80]!r}; say what does with --separator, for example "
            "--separator '::' or --separator tab",
            path=path,
            line=line,
        )
    if len(best) > 1:
        shown = " or ".join(map(named_separator, best))
        raise DatasetError(f"fields may be separated by {shown}; say which with --separator", path=path, line=line)
    return best[0]


def _has_quotes(line: str, separator: str) -> bool:
    """Tell whether quotes around fields are no part of them, as they are in MovieLens' `12|"Heat" (1995)`."""
    if separator in _QUOTED:
        return True
    fields = map(str.strip, line.split(separator))
    is_one = len(separator) == 1 and separator != BLANKS
    return is_one and all(len(field) > 1 and field[0] == field[-1] == '"' for field in fields)


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
    names = form.columns or (layout.columns if layout else [name.strip() for name in fields])
    if form.columns and len(names) != len(fields):
        raise DatasetError(
            f"--columns names {len(names)} columns ({', '.join(names)}), but the line has {len(fields)} fields: "
            f"{shown}; name them all in order, or the separator with --separator",
            path=path,
            line=line,
        )
    if not (form.columns or layout or has_header):
        raise DatasetError(f"the first line names no known column: {shown}; {wanted}", path=path, line=line)
    names = [name if name.strip(" _") else f"column {number}" for number, name in enumerate(names, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise DatasetError(f"column {name!r} is there twice; rename one", path=path, line=line)
    return names


def _sound(rows: pl.DataFrame, n_fields: int, *, has_header: bool, path: Path, rejections: Rejections) -> pl.DataFrame:
    """Keep the rows that have a field for each name."""
    if rows.is_empty():
        raise DatasetError("no rows in it", path=path)
    is_sound = pl.col("fields").list.len() == n_fields
    wanted = f"{'the header has' if has_header else 'there should be'} {n_fields}"
    for line, fields in rows.filter(~is_sound).iter_rows():
        rejections.reject("broken line", f"{counted_fields(len(fields))} where {wanted}", path=path, line=line)
    return rows.filter(is_sound)
