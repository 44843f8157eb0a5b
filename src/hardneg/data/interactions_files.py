"""Files of interactions and of items into two tables with known columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from hardneg.data.delimited import named_separator, plain_name
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.interactions_columns import find_column, find_rating, matching, names_columns
from hardneg.data.interactions_layouts import layout_of, typed_names
from hardneg.data.interactions_text import TextForm, TextTable, read_bytes, read_text
from hardneg.data.jsonl import read_jsonl
from hardneg.data.layout import NOTHING_SAID
from hardneg.data.lines import numbered_lines
from hardneg.data.metadata import settled
from hardneg.data.parquet import read_parquet
from hardneg.data.readers.table import read_table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

Order = Literal["time", "rows", "none"]

_TITLES = ("title", "name", "movietitle", "booktitle", "itemtitle", "producttitle", "itemname", "productname")
_TEXTS = ("genres", "genre", "category", "categories", "class", "brand", "author", "description", "text")
_CATEGORIES = ("category", "categories", "genres", "genre", "class")
_LISTED = "|"  # MovieLens writes lists of genres as "Comedy|Drama"
_SHOWN = 5
_ANY = TextForm()
_NO_TIME = (
    ". Or, without times: --order where the rows of each user stand in the order in which things were taken; "
    "--split random, which holds out items of each user at random"
)
_UNTIMED = {
    "rows": "the order of rows is taken as the order of time, as you said",
    "none": "no order: what a user took is put in a random one",
}


@dataclass(frozen=True, kw_only=True)
class InteractionColumns:
    """Which column holds what; None means to look for a common name, without regard to case, blanks, `-` and `_`.

    Args:
        user: Who.
        item: What; also the column of its id in the file of items, if that has one of the name.
        time: When: a number, or a date as ISO 8601 writes it.
        rating: How much it was liked, how often it was taken, or whether a shown item was taken; a file without one
            holds only what was taken.
        ignore_rating: Take every row as positive, whatever its rating.
        item_text: Columns of the file of items that make an item's text, in this order.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    ignore_rating: bool = False
    item_text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ignore_rating and self.rating is not None:
            raise DatasetError(f"a rating {self.rating!r} is named and to be ignored too; leave one of them out")


@dataclass(frozen=True)
class _File:
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


def read_interactions(
    path: Path,
    *,
    columns: InteractionColumns = InteractionColumns(),
    form: TextForm = _ANY,
    order: Order = "time",
    rejections: Rejections,
) -> tuple[pl.DataFrame, FieldMapping]:
    """Read who did what when.

    Args:
        path: A text file of any ending and separator, RecBole's and MovieLens' among them, JSON Lines or Parquet.
        columns: Which column holds what.
        form: How a text file is written.
        order: What tells which of a user's rows came first: "time", their times; "rows", their order in the file;
            "none", nothing does.
        rejections: What to do with a row that lacks a user, an item or a time.

    Returns:
        Columns `user`, `item` (strings), `time` (float, null unless the order is that of time) and `rating` (float,
        null where the file has none), in order of time, rows of one time as in the file; and how the file was read.

    Raises:
        DatasetError: A column is missing or could be several, or a row cannot be used and is not to be skipped.
    """
    given = (columns.user, columns.item, columns.time, columns.rating)
    wanted = (
        "if it is a header, name its columns with --user, --item, --time and --rating; if the file has none, name them "
        "in order: --columns user,item,rating,time"
    )
    file = _read(path, form, given=given, wanted=wanted, rejections=rejections)
    names = file.table.columns
    found = {role: find_column(role, getattr(columns, role), names, path=path) for role in ("user", "item")}
    if found["user"] == found["item"]:
        raise DatasetError(f"column {found['user']!r} cannot be the user and the item; name the other one", path=path)
    if order == "time":
        found["time"] = find_column("time", columns.time, names, path=path, advice=_NO_TIME)
    times = matching("time", columns.time, names, path=path)
    if not columns.ignore_rating:
        rating = find_rating(columns.rating, file.table, [*found.values(), *times], path=path)
        found |= {} if rating is None else {"rating": rating}
    rows = _usable(file, found, rejections)
    notes = _time_notes(rows, path=path) if order == "time" else [_UNTIMED[order]]
    mapping = file.mapping(
        "interactions",
        {role: file.named(column) for role, column in found.items()},
        ignored=[file.named(name) for name in names if name not in found.values()],
        notes=notes,
    )
    return rows.sort("time", maintain_order=True) if order == "time" else rows, mapping


def _time_notes(rows: pl.DataFrame, *, path: Path) -> list[str]:
    """Say where times leave the order open; refuse times that tell none."""
    if rows.height > 1 and rows["time"].n_unique() == 1:
        raise DatasetError(
            f"every time is the same ({rows['time'][0]:g}), which tells no order{_NO_TIME}",
            path=path,
        )
    tied = rows.select("user", "time").is_duplicated().sum()
    return [f"{tied:,} of {rows.height:,} have a time of their user's others: in the order of rows"] if tied else []


def _usable(file: _File, found: dict[str, str], rejections: Rejections) -> pl.DataFrame:
    table = file.table
    nothing = pl.lit(None, pl.Float64)
    if any(table.schema[column].is_nested() for column in found.values()):
        raise DatasetError(
            "a user, an item, a time or a rating is a list or an object; each row needs one of each", path=file.path
        )
    rows = table.select(
        **{role: _text(pl.col(found[role])) for role in ("user", "item")},
        time=_moment(table[found["time"]]) if "time" in found else nothing,
        rating=_number(table[found["rating"]]) if "rating" in found else nothing,
    ).with_row_index("row")
    if "rating" in found and rows["rating"].is_null().all():
        shown = ", ".join(map(repr, table[found["rating"]].cast(pl.String).unique(maintain_order=True).head(_SHOWN)))
        raise DatasetError(
            f"the rating column {file.named(found['rating'])!r} holds no number, but {shown}; write numbers (1 taken, "
            "0 not; decimals with a point), name another column with --rating, or take all rows as positive with "
            "--ignore-rating",
            path=file.path,
        )
    unusable = pl.any_horizontal(pl.col(list(found)).is_null())
    for row in rows.filter(unusable).iter_rows(named=True):
        lacking = " and ".join(role for role in found if row[role] is None)
        message = f"no usable {lacking} (row {row['row'] + 1}); times are numbers or ISO dates, ratings numbers"
        if row["row"] == 0 and not file.has_names:
            message += f"; if this is a header, leave out --columns and --no-header: {_first(table)}"
        line = None if rejections.counts else file.line(row["row"])
        rejections.reject("incomplete interaction", message, path=file.path, line=line)
    return rows.filter(~unusable).drop("row").cast({"time": pl.Float64, "rating": pl.Float64})


def _first(table: pl.DataFrame) -> str:
    return ", ".join(map(repr, table.row(0)))


def read_items(
    path: Path,
    *,
    columns: InteractionColumns = InteractionColumns(),
    form: TextForm = _ANY,
    rejections: Rejections,
) -> tuple[pl.DataFrame, FieldMapping]:
    """Read what is known of the items.

    Args:
        path: As for `read_interactions`.
        columns: Which column is the id, and which make the text.
        form: How a text file is written.
        rejections: What to do with a row without id.

    Returns:
        Columns `id`, `title` (if the file has a title or a name), `text` (the other columns of text; may be empty), and
        the other columns of the file; and how the file was read. Columns of texts like `Comedy|Drama` become lists, and
        the first column of categories or genres is called `category`. Of rows that repeat an id, the first counts.

    Raises:
        DatasetError: A column is missing, or a row has no id and is not to be skipped.
    """
    wanted = (
        "if it is a header, name the column of the id with --item; if the file has none, name its columns in order: "
        "--item-columns id,title,genres"
    )
    given = (columns.item, *columns.item_text, "title")
    file = _read(path, form, given=given, wanted=wanted, rejections=rejections)
    table = _gathered(file)
    own = (
        columns.item
        if columns.item is not None and plain_name(columns.item) in map(plain_name, table.columns)
        else None
    )
    key = find_column("item", own, table.columns, path=path)
    title, chosen = _texts_of(table, columns, key=key, path=path)
    types = file.types
    rows = table.with_columns(
        _listed(table[name], types.get(name)) for name in table.columns if name not in (key, title)
    )
    texts = [_joined(rows[name]) for name in chosen if name != title]
    text = pl.concat_str(texts, separator=" ").str.strip_chars() if texts else pl.lit("")
    title_column = [pl.col(title).fill_null("").alias("title")] if title else []
    rest = [name for name in rows.columns if name not in (key, title, "id", "text", "title")]
    items = rows.select(_text(pl.col(key)).alias("id"), *title_column, text.alias("text"), *rest)
    category = next((name for known in _CATEGORIES for name in rest if plain_name(name) == known), None)
    items = items if category is None else items.rename({category: "category"})
    for row in items.with_row_index("row").filter(pl.col("id").is_null())["row"]:
        rejections.reject("item without id", f"no id (row {row + 1})", path=path, line=file.line(row))
    texts_from = "+".join(file.named(name) for name in chosen if name != title)
    kept = [name for name in rest if name != category and name not in chosen]
    roles = {"id": key, "title": title, "text": None, "category": category}
    mapping = file.mapping(
        "items",
        {role: name and file.named(name) for role, name in roles.items()} | {"text": texts_from},
        notes=[f"kept beside: {', '.join(map(file.named, kept))}"] if kept else [],
    )
    return items.filter(pl.col("id").is_not_null()).unique("id", keep="first", maintain_order=True), mapping


def _texts_of(
    table: pl.DataFrame, columns: InteractionColumns, *, key: str, path: Path
) -> tuple[str | None, tuple[str, ...]]:
    """Find the title and all columns that make an item's text."""
    for name in columns.item_text:
        if name not in table.columns:
            raise DatasetError(f"no column {name!r} for the text; it has: {', '.join(table.columns)}", path=path)
    others = [name for name in table.columns if name != key]
    known = tuple(name for each in (*_TITLES, *_TEXTS) for name in others if plain_name(name) == each)
    chosen = columns.item_text or known
    title = next((name for each in _TITLES for name in chosen if plain_name(name) == each), None)
    return title, chosen


def _gathered(file: _File) -> pl.DataFrame:
    """Make one column of lists from columns of 0 and 1."""
    layout = file.text.layout if file.text else None
    if layout is None or layout.flags is None:
        return file.table
    name, flags = layout.flags
    lists = pl.concat_list(pl.when(pl.col(flag) == "1").then(pl.lit(flag)) for flag in flags).list.drop_nulls()
    return file.table.with_columns(lists.alias(name)).drop(flags)


def _read(path: Path, form: TextForm, *, given: tuple[str | None, ...], wanted: str, rejections: Rejections) -> _File:
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
    return _File(path, table, "text", text, types)


def _read_named(path: Path, form: TextForm, *, is_json: bool, rejections: Rejections) -> _File:
    """Read JSON or Parquet, whose fields have names."""
    if form.columns or form.no_header or form.separator:
        raise DatasetError(
            f"is {'JSON' if is_json else 'Parquet'}, whose fields have names of their own: leave out --columns, "
            "--no-header and --separator, and name columns with --user, --item, --time and --rating",
            path=path,
        )
    if not is_json:
        file = _File(path, read_parquet(path), "Parquet")
    elif ".json" in path.suffixes:  # one list, or lines after all
        table = read_table(path, layout=NOTHING_SAID, rejections=rejections)
        file = _File(path, table.frame, table.kind, line_of=table.line_of)
    else:
        read = read_jsonl(path, texts=(), required=(), rejections=rejections)
        lines = read.lines or [number for number, _, _ in numbered_lines(path)]
        file = _File(path, settled(read.table), "JSON Lines", line_of=lambda row: lines[row])
    if file.table.is_empty():
        raise DatasetError("no rows in it", path=path)
    return file


def _text(column: pl.Expr) -> pl.Expr:
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _number(values: pl.Series) -> pl.Series:
    """Give numbers, and `true` and `false` as 1 and 0; what is neither, not finite or missing is null."""
    if values.dtype == pl.String:
        text = values.str.strip_chars().str.to_lowercase()
        values = text.replace({"true": "1", "false": "0"})
    number = values.cast(pl.Float64, strict=False)
    return number.to_frame().select(pl.when(pl.first().is_finite()).then(pl.first()))[number.name]


def _moment(values: pl.Series) -> pl.Series:
    """Give times as numbers: those that are, and dates as seconds since 1970."""
    if values.dtype.is_temporal():
        return values.cast(pl.Datetime("us")).cast(pl.Float64) / 1e6
    number = _number(values)
    if values.dtype != pl.String or number.null_count() == values.null_count():
        return number
    dates = values.str.replace(r"(Z|\+00:00| ?UTC)$", "").str.replace("T", " ")
    parsed = dates.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    days = dates.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    seconds = parsed.fill_null(days).cast(pl.Float64) / 1e6
    return number.fill_null(seconds)


def _listed(values: pl.Series, kind: str | None = None) -> pl.Series:
    """Turn texts of which one names several into lists."""
    if kind == "token_seq":
        return values.str.strip_chars().str.split(" ")
    if values.dtype == pl.String and values.str.contains(_LISTED, literal=True).any():
        return values.str.split(_LISTED)
    return values


def _joined(values: pl.Series) -> pl.Series:
    is_list = isinstance(values.dtype, pl.List)
    text = values.cast(pl.List(pl.String)).list.join(" ") if is_list else values.cast(pl.String)
    return text.fill_null("")
