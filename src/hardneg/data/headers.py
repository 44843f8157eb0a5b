"""Names of columns: read from headers, compared, found and refused."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from hardneg.bounds import MOST_COLUMNS
from hardneg.data.layout import Layout
from hardneg.errors import DatasetError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_WORDS_OF_A_NAME = 3
_NAMELESS = "\x00"  # no name in a file begins so


def plain_name(name: str) -> str:
    """Write a name of a column without what people vary: case, blanks, `-`, `_`."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def counted_fields(n: int) -> str:
    """Write a number of fields for people."""
    return "1 field" if n == 1 else f"{n} fields"


def check_width(n_columns: int, *, path: Path, line: int | None = None) -> None:
    """Refuse a table with more columns than any has, each of which would take time and memory."""
    if n_columns > MOST_COLUMNS:
        message = f"{n_columns:,} columns, where a table of texts has at most {MOST_COLUMNS:,}"
        raise DatasetError(message, path=path, line=line)


def without_nameless(table: pl.DataFrame, lines: Sequence[int], *, path: Path) -> pl.DataFrame:
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


def header_names(fields: list[str], layout: Layout, *, path: Path, line: int) -> list[str]:
    """Take the names of a header, or those that the user gives in their place."""
    check_width(len(fields), path=path, line=line)
    if layout.columns:
        refuse_replaced(fields, layout.columns, path=path, line=line)
        if len(layout.columns) != len(fields):
            raise DatasetError(
                f"the header has {counted_fields(len(fields))}, but --columns names {len(layout.columns)}; name each "
                "column once, in order (and say --no-header if the first line is data)",
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


@dataclass
class Columns:
    """The columns of a table, and which of them have a role already."""

    names: Sequence[str]
    place: Path
    taken: set[str] = field(default_factory=set)

    @property
    def rest(self) -> list[str]:
        """Those without a role, in order."""
        return [name for name in self.names if name not in self.taken]

    def given(self, name: str, *, option: str) -> str:
        """Take the column that the user names."""
        if name in self.names:
            return self._take(name)
        alike = [each for each in self.names if plain_name(each) == plain_name(name)]
        if len(alike) != 1:
            what = f"no column {name!r}" if not alike else f"{' and '.join(map(repr, alike))} may be meant by {name!r}"
            raise DatasetError(f"{what}; it has: {', '.join(self.names)}; name it with --{option}", path=self.place)
        return self._take(alike[0])

    def common(self, tiers: Sequence[Collection[str]], *, option: str) -> str | None:
        """Take the column with a common name: the first tier of which there is one counts."""
        for tier in tiers:
            names = [name for name in self.rest if plain_name(name) in tier]
            if len(names) > 1:
                shown = " and ".join(map(repr, names))
                raise DatasetError(
                    f"the columns {shown} may each be the {option}; name the right one with --{option}", path=self.place
                )
            if names:
                return self._take(names[0])
        return None

    def _take(self, name: str) -> str:
        self.taken.add(name)
        return name


def looked_for(tiers: Sequence[Collection[str]]) -> str:
    """List common names for a message."""
    return ", ".join(name for tier in tiers for name in tier)
