"""Opening a file of interactions or items by what it holds, whatever its ending."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hardneg.data.delimited import named_separator
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.jsonl import read_jsonl
from hardneg.data.layout import NOTHING_SAID
from hardneg.data.lines import numbered_lines
from hardneg.data.metadata import settled
from hardneg.data.parquet import read_parquet
from hardneg.data.readers.table import read_table
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import names_columns
from hardneg.domains.recommender.layouts import layout_of, typed_names
from hardneg.domains.recommender.text import TextForm, TextTable, read_bytes, read_text
from hardneg.errors import DatasetError

_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """A table and where it comes from.

    Args:
        path: The file.
        table: Its columns.
        kind: "text", "JSON Lines" or "Parquet".
        text: How a text was read.
        types: Type of each column, where the header gives it.
        line_of: Gives the line of a row of another file than a text; None where there are no lines.
    """

    path: Path
    table: pl.DataFrame
    kind: str
    text: TextTable | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    line_of: Callable[[int], int | None] = lambda _: None

    @property
    def has_names(self) -> bool:
        """Whether the file itself names its columns."""
        return self.text is None or self.text.has_header

    def line(self, row: int) -> int | None:
        """Find the line of a row, from 0."""
        if self.text is not None:
            return int(self.text.lines[row])
        return self.line_of(row)

    def named(self, column: str) -> str:
        """Name a column for people: by its place where the file has no names."""
        is_named = self.has_names or column not in self.table.columns
        return column if is_named else f"column {self.table.columns.index(column) + 1}"

    def mapping(
        self, what: str, fields: Mapping[str, str | None], *, ignored: Sequence[str] = (), notes: Sequence[str] = ()
    ) -> FieldMapping:
        """Say what became of the file."""
        layout = f"{what} in {self.kind}"
        if self.text is not None:
            known = "RecBole" if self.types else self.text.layout.name if self.text.layout else None
            layout = known or layout
            header = "a header" if self.text.has_header else "no header"
            written = f"{self.path.name} is {self.text.encoding}, {named_separator(self.text.separator)} between fields"
            notes = (f"{written}, {header}", *notes)
        return FieldMapping(
            layout, tuple((role, name) for role, name in fields.items() if name), tuple(ignored), tuple(notes)
        )


def open_source(
    path: Path, form: TextForm, *, given: tuple[str | None, ...], wanted: str, rejections: Rejections
) -> Source:
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

    def is_header(fields: object) -> bool:
        return names_columns(fields, given)  # type: ignore[arg-type]

    text = read_text(path, form, is_header=is_header, layout=layout_of(path.name), wanted=wanted, rejections=rejections)
    if text.table.is_empty():
        raise DatasetError("no usable rows in it", path=path)
    types = typed_names(text.table.columns) if text.has_header else {}
    table = text.table.rename({f"{name}:{kind}": name for name, kind in types.items()})
    return Source(path, table, "text", text, types)


def _read_named(path: Path, form: TextForm, *, is_json: bool, rejections: Rejections) -> Source:
    """Read JSON or Parquet, whose fields have names."""
    if form.columns or form.no_header or form.separator:
        raise DatasetError(
            f"is {'JSON' if is_json else 'Parquet'}, whose fields have names of their own: leave out --columns, "
            "--no-header and --separator, and name columns with --user, --item, --time and --rating",
            path=path,
        )
    if not is_json:
        file = Source(path, read_parquet(path), "Parquet")
    elif ".json" in path.suffixes:  # one list, or lines after all
        table = read_table(path, layout=NOTHING_SAID, rejections=rejections)
        file = Source(path, table.frame, table.kind, line_of=table.line_of)
    else:
        read = read_jsonl(path, texts=(), required=(), rejections=rejections)
        lines = read.lines or [number for number, _, _ in numbered_lines(path)]
        file = Source(path, settled(read.table), "JSON Lines", line_of=lambda row: lines[row])
    if file.table.is_empty():
        raise DatasetError("no rows in it", path=path)
    return file


def id_text(column: pl.Expr) -> pl.Expr:
    """Give ids as texts; blank ones are null."""
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)
