"""Files of items: what a recommender can show."""

from pathlib import Path

import polars as pl

from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import plain_name
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import InteractionColumns, find_column
from hardneg.domains.recommender.source import Source, TextForm, id_text, open_source
from hardneg.errors import DatasetError

_TITLES = ("title", "name", "movietitle", "booktitle", "itemtitle", "producttitle", "itemname", "productname")
_TEXTS = ("genres", "genre", "category", "categories", "class", "brand", "author", "description", "text")
_CATEGORIES = ("category", "categories", "genres", "genre", "class")
_LISTED = "|"  # MovieLens writes lists of genres as "Comedy|Drama"
_ANY = TextForm()
_FOUND = InteractionColumns()


def read_items(
    path: Path,
    *,
    columns: InteractionColumns = _FOUND,
    form: TextForm = _ANY,
    rejections: Rejections,
) -> tuple[pl.DataFrame, FieldMapping]:
    """Read what is known of the items."""
    wanted = (
        "if it is a header, name the column of the id with --item; if the file has none, name its columns in order: "
        "--item-columns id,title,genres"
    )
    given = (columns.item, *columns.item_text, "title")
    file = open_source(path, form, given=given, wanted=wanted, rejections=rejections)
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
    items = rows.select(id_text(pl.col(key)).alias("id"), *title_column, text.alias("text"), *rest)
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


def _gathered(file: Source) -> pl.DataFrame:
    """Make one column of lists from columns of 0 and 1."""
    if file.layout is None or file.layout.flags is None:
        return file.table
    name, flags = file.layout.flags
    lists = pl.concat_list(pl.when(pl.col(flag) == "1").then(pl.lit(flag)) for flag in flags).list.drop_nulls()
    return file.table.with_columns(lists.alias(name)).drop(flags)


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
