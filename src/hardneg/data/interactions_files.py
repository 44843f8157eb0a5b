"""Files of interactions and of items into two tables with known columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.layout import NOTHING_SAID
from hardneg.data.readers.table import SUFFIXES, Table, read_table
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

_COMMON = {
    "user": ("user", "user_id", "userId", "userid", "uid", "visitor_id", "customer_id"),
    "item": ("item", "item_id", "itemId", "itemid", "movieId", "movie_id", "product_id", "parent_asin", "asin", "id"),
    "time": ("time", "timestamp", "ts", "date", "datetime"),
    "rating": ("rating", "stars", "score", "clicked", "click"),
}
_TEXTS = ("title", "name", "genres", "genre", "category", "categories", "brand", "author", "description", "text")
_CATEGORIES = ("category", "categories", "genres", "genre")
_LISTED = "|"  # MovieLens writes lists of genres as "Comedy|Drama"


@dataclass(frozen=True, kw_only=True)
class InteractionColumns:
    """Which column holds what; None means to look for a common name.

    Args:
        user: Who.
        item: What; also the column of its id in the file of items, if that has one of the name.
        time: When: a number, or a date as ISO 8601 writes it.
        rating: How much it was liked, or whether a shown item was taken; a file without one holds only what was taken.
        item_text: Columns of the file of items that make an item's text, in this order.
    """

    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    item_text: tuple[str, ...] = ()


def read_interactions(path: Path, *, columns: InteractionColumns, rejections: Rejections) -> pl.DataFrame:
    """Read who did what when.

    Args:
        path: CSV, TSV, JSON Lines or Parquet.
        columns: Which column holds what.
        rejections: What to do with a row that lacks a user, an item or a time.

    Returns:
        Columns `user`, `item` (strings), `time` (float) and `rating` (float, null where the file has none), ordered by
        time; rows of one time stay as in the file.

    Raises:
        DatasetError: A column is missing, or a row cannot be used and is not to be skipped.
    """
    read = _table(path, rejections=rejections)
    table = read.frame
    found = {key: _find(key, getattr(columns, key), table, path=path) for key in ("user", "item", "time")}
    has_rating = columns.rating is not None or any(name in table.columns for name in _COMMON["rating"])
    rows = table.select(
        **{key: _text(pl.col(found[key])) for key in ("user", "item")},
        time=_moment(table[found["time"]]),
        rating=_number(table[_find("rating", columns.rating, table, path=path)]) if has_rating else None,
    ).with_row_index("row")
    given = ("user", "item", "time", "rating") if has_rating else ("user", "item", "time")
    unusable = pl.any_horizontal(pl.col(given).is_null())
    for row in rows.filter(unusable).iter_rows(named=True):
        lacking = " and ".join(key for key in given if row[key] is None)
        line = read.line_of(row["row"])
        message = f"no usable {lacking} (row {row['row'] + 1}); times are numbers or ISO dates, ratings numbers"
        rejections.reject("incomplete interaction", message, path=path, line=line)
    return rows.filter(~unusable).drop("row").sort("time", maintain_order=True).cast({"rating": pl.Float64})


def read_items(path: Path, *, columns: InteractionColumns, rejections: Rejections) -> pl.DataFrame:
    """Read what is known of the items.

    Args:
        path: CSV, TSV, JSON Lines or Parquet.
        columns: Which column is the id, and which make the text.
        rejections: What to do with a row without id.

    Returns:
        Columns `id`, `title` (if the file has a title or a name), `text` (the other columns of text; may be empty), and
        the other columns of the file. Columns of texts like `Comedy|Drama` become lists, and the first column of
        categories or genres is called `category`. Of rows that repeat an id, the first counts.

    Raises:
        DatasetError: A column is missing, or a row has no id and is not to be skipped.
    """
    read = _table(path, rejections=rejections)
    table = read.frame
    own = columns.item if columns.item in table.columns else None
    key = _find("item", own, table, path=path)
    chosen = columns.item_text or tuple(name for name in _TEXTS if name in table.columns and name != key)
    for name in chosen:
        if name not in table.columns:
            raise DatasetError(f"no column {name!r} for the text; it has: {', '.join(table.columns)}", path=path)
    title = next((name for name in ("title", "name") if name in chosen), None)
    rows = table.with_columns(_listed(table[name]) for name in table.columns if name not in (key, title))
    texts = [_joined(rows[name]) for name in chosen if name != title]
    text = pl.concat_str(texts, separator=" ").str.strip_chars() if texts else pl.lit("")
    title_column = [pl.col(title).fill_null("").alias("title")] if title else []
    rest = [name for name in rows.columns if name not in (key, title, "id", "text", "title")]
    items = rows.select(_text(pl.col(key)).alias("id"), *title_column, text.alias("text"), *rest)
    category = next((name for name in _CATEGORIES if name in rest), None)
    items = items if category is None else items.rename({category: "category"})
    for row in items.with_row_index("row").filter(pl.col("id").is_null())["row"]:
        rejections.reject("item without id", f"no id (row {row + 1})", path=path, line=read.line_of(row))
    return items.filter(pl.col("id").is_not_null()).unique("id", keep="first", maintain_order=True)


def _table(path: Path, *, rejections: Rejections) -> Table:
    if not (path.is_file() and path.name.endswith(SUFFIXES)):
        raise DatasetError(f"no such file of interactions or items; expected one of {', '.join(SUFFIXES)}", path=path)
    table = read_table(path, layout=NOTHING_SAID, rejections=rejections)
    if table.frame.is_empty():
        raise DatasetError("no rows in it", path=path)
    return table


def _find(key: str, given: str | None, table: pl.DataFrame, *, path: Path) -> str:
    names: Sequence[str] = _COMMON[key] if given is None else (given,)
    found = [name for name in names if name in table.columns]
    if found:
        return found[0]
    looked_for = f"{given!r}" if given is not None else f"for the {key} (tried {', '.join(names)})"
    raise DatasetError(f"no column {looked_for}; it has: {', '.join(table.columns)}; name it with --{key}", path=path)


def _text(column: pl.Expr) -> pl.Expr:
    text = column.cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _number(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64, strict=False)


def _moment(values: pl.Series) -> pl.Series:
    """Give times as numbers: those that are, and dates as seconds since 1970."""
    if values.dtype.is_temporal():
        return values.cast(pl.Datetime("us")).cast(pl.Float64) / 1e6
    number = _number(values)
    if values.dtype != pl.String or number.null_count() == values.null_count():
        return number
    dates = values.str.replace(r"Z$|\+00:00$", "").str.replace("T", " ")
    parsed = dates.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    days = dates.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    seconds = parsed.fill_null(days).cast(pl.Float64) / 1e6
    return number.fill_null(seconds)


def _listed(values: pl.Series) -> pl.Series:
    """Turn texts of which one names several into lists."""
    if values.dtype == pl.String and values.str.contains(_LISTED, literal=True).any():
        return values.str.split(_LISTED)
    return values


def _joined(values: pl.Series) -> pl.Series:
    is_list = isinstance(values.dtype, pl.List)
    text = values.cast(pl.List(pl.String)).list.join(" ") if is_list else values.cast(pl.String)
    return text.fill_null("")
