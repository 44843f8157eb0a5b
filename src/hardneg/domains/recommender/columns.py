"""Columns of files of interactions and items: which holds what, by well-known names, headers and layouts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hardneg.data.headers import plain_name
from hardneg.errors import DatasetError

# Names as people write them, without case, blanks, `-` and `_`; the first that a file has counts.
_KNOWN = {
    "user": ("user", "userid", "uid", "username", "visitorid", "customerid", "reviewerid", "sessionid"),
    "item": (
        *("item", "itemid", "iid", "movieid", "productid", "parentasin", "asin", "isbn", "artistid", "trackid"),
        *("songid", "bookid", "gameid", "articleid", "newsid", "videoid", "businessid", "recipeid", "id"),
    ),
    "time": ("time", "timestamp", "ts", "unixtime", "unixreviewtime", "datetime", "date", "createdat"),
    "rating": (
        *("rating", "ratings", "stars", "score", "overall", "bookrating", "preference", "label", "relevance"),
        *("clicked", "click", "isclick", "clicks", "liked", "like", "islike", "purchased", "watched"),
        *("plays", "playcount", "listens", "listencount", "count", "weight"),
        *("event", "eventtype", "behavior", "behaviortype", "action"),
    ),
}
_SHOWN = 6
_BINARY = ("0", "1", "0.0", "1.0", "true", "false")
_GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "
    "Mystery Romance Sci-Fi Thriller War Western"
)
_RATINGS = ("user", "item", "rating", "time")
_TYPED = re.compile(r"([^:]+):(token|token_seq|float|float_seq)")


@dataclass(frozen=True, kw_only=True)
class InteractionColumns:
    """Which column holds what; None means to look for a common name, without regard to case, blanks, `-` and `_`."""

    user: str | None = None
    item: str | None = None
    time: str | None = None
    rating: str | None = None
    ignore_rating: bool = False
    item_text: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ignore_rating and self.rating is not None:
            raise DatasetError(f"a rating {self.rating!r} is named and to be ignored too; leave one of them out")


def names_columns(fields: Sequence[str], given: Sequence[str | None]) -> bool:
    """Tell whether the first line of a file is a header."""
    names = {plain_name(name) for name in fields}
    wanted = {*_KNOWN["user"], *_KNOWN["item"], *(plain_name(name) for name in given if name)}
    return bool(names & wanted) or bool(typed_names(fields))


def find_column(role: str, given: str | None, names: Sequence[str], *, path: Path, advice: str = "") -> str:
    """Find the column for a role."""
    columns = matching(role, given, names, path=path)
    if columns:
        return columns[0]
    names_tried = ", ".join(_KNOWN[role][:_SHOWN])
    tried = repr(given) if given is not None else f"for the {role} (tried {names_tried}, …)"
    raise DatasetError(
        f"no column {tried}; it has: {', '.join(names)}; name it with --{role}{advice}",
        path=path,
    )


def matching(role: str, given: str | None, names: Sequence[str], *, path: Path) -> list[str]:
    """List the columns that could have a role, the likeliest first."""
    if given is not None and given in names:
        return [given]
    columns = []
    for spelling in _KNOWN[role] if given is None else (plain_name(given),):
        alike = [name for name in names if plain_name(name) == spelling]
        if len(alike) > 1:
            shown = " and ".join(map(repr, alike))
            raise DatasetError(f"both {shown} could be the {role}; name one with --{role}", path=path)
        columns += alike
    return columns


def find_rating(given: str | None, table: pl.DataFrame, used: Sequence[str], *, path: Path) -> str | None:
    """Find the column of the rating, and refuse to overlook one."""
    if given is not None:
        return find_column("rating", given, table.columns, path=path)
    free = [name for name in table.columns if name not in used]
    columns = matching("rating", None, free, path=path)
    if len(columns) > 1:
        raise DatasetError(
            f"{' and '.join(map(repr, columns))} could each be the rating; name one with --rating, or take all as "
            "positive with --ignore-rating",
            path=path,
        )
    if columns:
        return columns[0]
    for name in free:
        if _is_binary(table[name]):
            raise DatasetError(
                f"column {name!r} holds only 0 and 1: if it says what was taken, name it with --rating {name!r}; "
                "if not, take all rows as positive with --ignore-rating",
                path=path,
            )
    return None


def _is_binary(values: pl.Series) -> bool:
    if values.dtype.is_nested():
        return False
    texts = values.drop_nulls().cast(pl.String, strict=False).str.strip_chars().str.to_lowercase().unique()
    return len(texts) > 1 and bool(texts.is_in(_BINARY).all())


@dataclass(frozen=True)
class NamedLayout:
    """What files of a well-known name hold, if they have the shape too."""

    name: str
    file: str  # a regular expression
    separator: str
    columns: tuple[str, ...]
    numbers: tuple[str, ...] = ()  # columns whose values are numbers, or the file is another
    encoding: str = "latin-1"
    flags: tuple[str, tuple[str, ...]] | None = None  # columns of 0 and 1, and the column of lists they become

    def fits(self, line: str) -> bool:
        """Tell whether a line has the shape."""
        fields = line.split(self.separator)
        if len(fields) != len(self.columns):
            return False
        return all(_is_number(fields[self.columns.index(name)]) for name in self.numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_LAYOUTS = (
    NamedLayout("MovieLens u.data", r"u\.data|u[1-5ab]\.(base|test)", "\t", _RATINGS, ("rating", "time")),
    NamedLayout("MovieLens ratings.dat", r"ratings\.dat", "::", _RATINGS, ("rating", "time")),
    NamedLayout("MovieLens movies.dat", r"movies\.dat", "::", ("id", "title", "genres")),
    NamedLayout(
        "MovieLens u.item",
        r"u\.item",
        "|",
        ("id", "title", "release_date", "video_release_date", "url", *_GENRES.split()),
        numbers=("Action", "Western"),
        flags=("genres", tuple(_GENRES.split())),
    ),
)


def layout_of(file: str) -> NamedLayout | None:
    """Find what a file of this name usually holds.

    >>> layout_of("ratings.dat.gz").name
    'MovieLens ratings.dat'
    """
    return next((each for each in _LAYOUTS if re.fullmatch(each.file, file.removesuffix(".gz"))), None)


def typed_names(header: Sequence[str]) -> dict[str, str]:
    """Read a header of RecBole's, which gives each column's type.

    >>> typed_names(["user_id:token", "rating:float"])
    {'user_id': 'token', 'rating': 'float'}
    >>> typed_names(["user_id", "rating:float"])
    {}
    """
    matches = [_TYPED.fullmatch(name.strip()) for name in header]
    return {each[1]: each[2] for each in matches if each} if all(matches) else {}
