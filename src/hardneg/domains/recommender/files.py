"""Readers of interactions (who did what when) and of items (what a recommender can show)."""

from pathlib import Path
from typing import Literal

import polars as pl

from hardneg.data.field_mapping import FieldMapping
from hardneg.data.headers import plain_name
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import InteractionColumns, find_column, find_rating, matching
from hardneg.domains.recommender.source import SourceTable, TextForm, id_text, open_source
from hardneg.errors import DatasetError

Order = Literal["time", "rows", "none"]

_SHOWN = 5
_ANY = TextForm()
_NO_TIME = (
    ". Or, without times: --order where the rows of each user stand in the order in which things were taken; "
    "--split random, which holds out items of each user at random"
)
_UNTIMED = {
    "rows": "the order of rows is taken as the order of time, as you said",
    "none": "no order: a history is a set, and what is held out is drawn",
}
_FOUND = InteractionColumns()
_TITLES = ("title", "name", "movietitle", "booktitle", "itemtitle", "producttitle", "itemname", "productname")
_TEXTS = ("genres", "genre", "category", "categories", "class", "brand", "author", "description", "text")
_CATEGORIES = ("category", "categories", "genres", "genre", "class")
_LISTED = "|"  # MovieLens writes lists of genres as "Comedy|Drama"


def read_interactions(
    path: Path,
    *,
    columns: InteractionColumns = _FOUND,
    form: TextForm = _ANY,
    order: Order = "time",
    rejections: Rejections,
) -> tuple[pl.DataFrame, FieldMapping]:
    """Read who did what when."""
    given = (columns.user, columns.item, columns.time, columns.rating)
    wanted = (
        "if it is a header, name its columns with --user, --item, --time and --rating; if the file has none, name them "
        "in order: --columns user,item,rating,time"
    )
    file = open_source(path, form, given=given, wanted=wanted, rejections=rejections)
    names = file.table.columns
    roles = {role: find_column(role, getattr(columns, role), names, path=path) for role in ("user", "item")}
    if roles["user"] == roles["item"]:
        raise DatasetError(f"column {roles['user']!r} cannot be the user and the item; name the other one", path=path)
    if order == "time":
        roles["time"] = find_column("time", columns.time, names, path=path, advice=_NO_TIME)
    times = matching("time", columns.time, names, path=path)
    if not columns.ignore_rating:
        rating = find_rating(columns.rating, file.table, [*roles.values(), *times], path=path)
        roles |= {} if rating is None else {"rating": rating}
    rows = _usable(file, roles, rejections)
    notes = _time_notes(rows, path=path) if order == "time" else [_UNTIMED[order]]
    mapping = file.mapping(
        "interactions",
        {role: file.named(column) for role, column in roles.items()},
        ignored=[file.named(name) for name in names if name not in roles.values()],
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
    times = rows.group_by("user").agg(rows=pl.len(), times=pl.col("time").n_unique())
    if times["times"].max() == 1 and times["rows"].max() != 1:
        raise DatasetError(f"every user has one time for all that was taken, which tells no order{_NO_TIME}", path=path)
    tied = rows.select("user", "time").is_duplicated().sum()
    return [f"{tied:,} of {rows.height:,} have a time of their user's others: in the order of rows"] if tied else []


def _usable(file: SourceTable, roles: dict[str, str], rejections: Rejections) -> pl.DataFrame:
    table = file.table
    nothing = pl.lit(None, pl.Float64)
    if any(table.schema[column].is_nested() for column in roles.values()):
        raise DatasetError(
            "a user, an item, a time or a rating is a list or an object; each row needs one of each", path=file.path
        )
    rows = table.select(
        **{role: id_text(pl.col(roles[role])) for role in ("user", "item")},
        time=_moment(table[roles["time"]]) if "time" in roles else nothing,
        rating=_number(table[roles["rating"]]) if "rating" in roles else nothing,
    ).with_row_index("row")
    if "rating" in roles and rows["rating"].is_null().all():
        shown = ", ".join(map(repr, table[roles["rating"]].cast(pl.String).unique(maintain_order=True).head(_SHOWN)))
        raise DatasetError(
            f"the rating column {file.named(roles['rating'])!r} holds no number, but {shown}; write numbers (1 taken, "
            "0 not; decimals with a point), name another column with --rating, or take all rows as positive with "
            "--ignore-rating",
            path=file.path,
        )
    unusable = pl.any_horizontal(pl.col(list(roles)).is_null())
    for row in rows.filter(unusable).iter_rows(named=True):
        lacking = " and ".join(role for role in roles if row[role] is None)
        message = f"no usable {lacking} (row {row['row'] + 1}); times are numbers or ISO dates, ratings numbers"
        if row["row"] == 0 and not file.has_names:
            shown = ", ".join(map(repr, table.row(0)))
            message += f"; if this is a header, leave out --columns and --no-header: {shown}"
        line = None if rejections.counts else file.line(row["row"])
        rejections.reject("incomplete interaction", message, path=file.path, line=line)
    return rows.filter(~unusable).drop("row").cast({"time": pl.Float64, "rating": pl.Float64})


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
    id_column = (
        columns.item
        if columns.item is not None and plain_name(columns.item) in map(plain_name, table.columns)
        else None
    )
    key = find_column("item", id_column, table.columns, path=path)
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
    category = next((name for spelling in _CATEGORIES for name in rest if plain_name(name) == spelling), None)
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
    text_columns = tuple(name for each in (*_TITLES, *_TEXTS) for name in others if plain_name(name) == each)
    chosen = columns.item_text or text_columns
    title = next((name for each in _TITLES for name in chosen if plain_name(name) == each), None)
    return title, chosen


def _gathered(file: SourceTable) -> pl.DataFrame:
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
