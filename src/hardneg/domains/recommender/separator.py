"""What stands between the fields of a text file."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hardneg.data.delimited import named_separator
from hardneg.errors import DatasetError

BLANKS = " "  # any run of blanks and tabs
QUOTED = (",", ";")  # where a field may stand in quotes
_FOUND = ("::", "\t", ";", "|", ",")  # what is looked for; blanks only where there is none of these
_SPELLED = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "blank": BLANKS,
    "blanks": BLANKS,
    "space": BLANKS,
}


def find_separator(
    head: list[str], *, is_header: Callable[[Sequence[str]], bool], n_columns: int, at: tuple[Path, int]
) -> str:
    """Find the separator: one that names known columns, else the one that parts all lines alike and most finely."""
    path, line = at
    parts = {each: list(fields_of(head, each)) for each in (*_FOUND, BLANKS)}
    able = {each: rows for each, rows in parts.items() if len(rows[0]) > 1}
    named = [each for each, rows in able.items() if is_header(rows[0])]
    pool = named or [each for each in able if n_columns and len(able[each][0]) == n_columns] or list(able)
    if len(pool) > 1 and BLANKS in pool:
        pool.remove(BLANKS)
    if not pool:
        raise DatasetError(
            f"nothing separates fields in {head[0][:80]!r}; say what does with --separator, for example "
            "--separator '::' or --separator tab",
            path=path,
            line=line,
        )

    def fineness(each: str) -> tuple[float, int]:
        sizes = [len(row) for row in able[each]]
        return sum(size == sizes[0] for size in sizes) / len(sizes), sizes[0]

    best = max(map(fineness, pool))
    found = [each for each in pool if fineness(each) == best]
    if len(found) > 1:
        shown = " or ".join(map(named_separator, found))
        raise DatasetError(f"fields may be separated by {shown}; say which with --separator", path=path, line=line)
    return found[0]


def spelled(separator: str) -> str:
    """Give the separator that a user means: some cannot be typed.

    >>> spelled("tab") == chr(9), spelled("::")
    (True, '::')
    """
    if not separator:
        raise DatasetError("--separator is empty; for example --separator '::' or --separator tab")
    return _SPELLED.get(separator.lower(), separator)


def has_quotes(line: str, separator: str) -> bool:
    """Tell whether quotes around fields are no part of them.

    >>> has_quotes('"user"|"item"', "|"), has_quotes('12|"Heat" (1995)', "|")
    (True, False)
    """
    if separator in QUOTED:
        return True
    fields = line.split(separator)
    is_one = len(separator) == 1 and separator != BLANKS
    return is_one and all(len(field) > 1 and field[0] == field[-1] == '"' for field in map(str.strip, fields))


def fields_of(lines: Sequence[str], separator: str) -> Iterator[list[str]]:
    """Part lines into fields, each line by itself."""
    quotes = bool(lines) and has_quotes(lines[0], separator)
    for line in lines:
        if separator == BLANKS:
            yield line.split()
        elif quotes and '"' in line:
            yield _unquoted(line, separator)
        else:
            yield line.split(separator)


def _unquoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [line])
    except csv.Error:
        return line.split(separator)
