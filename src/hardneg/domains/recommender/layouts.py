"""Files of interactions and items that are known by their name or their header: MovieLens and RecBole."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LATIN = "latin-1"


@dataclass(frozen=True, kw_only=True)
class NamedLayout:
    """What files of a well-known name hold, if they have the shape too."""

    name: str
    file: re.Pattern[str]
    separator: str
    columns: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    encoding: str = _LATIN
    flags: tuple[str, tuple[str, ...]] | None = None

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


_GENRES = (
    "unknown Action Adventure Animation Children's Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "
    "Mystery Romance Sci-Fi Thriller War Western"
)
_RATINGS = ("user", "item", "rating", "time")
_LAYOUTS = (
    NamedLayout(
        name="MovieLens u.data",
        file=re.compile(r"u\.data|u[1-5ab]\.(base|test)"),
        separator="\t",
        columns=_RATINGS,
        numbers=("rating", "time"),
    ),
    NamedLayout(
        name="MovieLens ratings.dat",
        file=re.compile(r"ratings\.dat"),
        separator="::",
        columns=_RATINGS,
        numbers=("rating", "time"),
    ),
    NamedLayout(
        name="MovieLens movies.dat", file=re.compile(r"movies\.dat"), separator="::", columns=("id", "title", "genres")
    ),
    NamedLayout(
        name="MovieLens u.item",
        file=re.compile(r"u\.item"),
        separator="|",
        columns=("id", "title", "release_date", "video_release_date", "url", *_GENRES.split()),
        numbers=("Action", "Western"),
        flags=("genres", tuple(_GENRES.split())),
    ),
)
_TYPED = re.compile(r"([^:]+):(token|token_seq|float|float_seq)")


def layout_of(file: str) -> NamedLayout | None:
    """Find what a file of this name usually holds.

    >>> layout_of("ratings.dat.gz").name
    'MovieLens ratings.dat'
    """
    return next((each for each in _LAYOUTS if each.file.fullmatch(file.removesuffix(".gz"))), None)


def typed_names(header: Sequence[str]) -> dict[str, str]:
    """Read a header of RecBole's, which gives each column's type.

    >>> typed_names(["user_id:token", "rating:float"])
    {'user_id': 'token', 'rating': 'float'}
    >>> typed_names(["user_id", "rating:float"])
    {}
    """
    found = [_TYPED.fullmatch(name.strip()) for name in header]
    return {each[1]: each[2] for each in found if each} if all(found) else {}
