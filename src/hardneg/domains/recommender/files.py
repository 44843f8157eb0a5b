"""Files of interactions: who did what when."""

from pathlib import Path
from typing import Literal

import polars as pl

from hardneg.data.field_mapping import FieldMapping
from hardneg.data.rejections import Rejections
from hardneg.domains.recommender.columns import InteractionColumns, find_column, find_rating, matching
from hardneg.domains.recommender.source import Source, TextForm, id_text, open_source
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
    "none": "no order: what a user took is put in a random one",
}
_FOUND = InteractionColumns()


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


def _usable(file: Source, found: dict[str, str], rejections: Rejections) -> pl.DataFrame:
    table = file.table
    nothing = pl.lit(None, pl.Float64)
    if any(table.schema[column].is_nested() for column in found.values()):
        raise DatasetError(
            "a user, an item, a time or a rating is a list or an object; each row needs one of each", path=file.path
        )
    rows = table.select(
        **{role: id_text(pl.col(found[role])) for role in ("user", "item")},
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
