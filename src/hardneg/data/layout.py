"""What a user says about the layout of a dataset, where names and values leave a question."""

import dataclasses
import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardneg.errors import DatasetError

_SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "blank": " ", "blanks": " ", "space": " "}


def spelled(separator: str) -> str:
    """Give the separator that a user means: some cannot be typed.

    >>> spelled("tab") == chr(9), spelled("::")
    (True, '::')
    """
    if not separator:
        raise DatasetError(
            "--separator is empty; name what stands between the fields, for example --separator ';' or --separator tab"
        )
    return _SPELLED.get(separator.lower(), separator)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which column or file holds what, and how values are read; what is left out is found by its name.

    The options of the command line, the keys of `[dataset]` in a recipe and the keys of `read_dataset(mapping=…)` are
    these fields. Names of columns are compared exactly first, then without case, blanks, `-` and `_`.
    """

    query: str | None = None
    positive: str | None = None
    negative: tuple[str, ...] = ()
    label: str | None = None
    ignore: tuple[str, ...] = ()
    relevance: tuple[str, ...] = ()
    min_relevance: float | None = None
    documents: Path | None = None
    split_column: str | None = None
    separator: str | None = None
    no_header: bool = False
    columns: tuple[str, ...] = ()
    candidates: bool = False

    def __post_init__(self) -> None:
        _ = self.grades
        if self.separator is not None:
            object.__setattr__(self, "separator", spelled(self.separator))
        if len(set(self.columns)) < len(self.columns):
            raise DatasetError(f"--columns {','.join(self.columns)} names a column twice; give each its own name")
        named = [each for each in (self.query, self.positive, *self.negative, self.label, *self.ignore) if each]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise DatasetError(f"the column {twice!r} is named for two things; say one of them")

    @property
    def grades(self) -> dict[str, int]:
        """The grade of each value that `relevance` names."""
        grades: dict[str, int] = {}
        for text in self.relevance:
            value, equals, grade = text.rpartition("=")
            if not equals or not grade.strip().lstrip("+-").isdigit():
                raise DatasetError(
                    f"--relevance {text!r}: write VALUE=GRADE, as in 'E=1,S=0'; above 0 means relevant, 0 judged not "
                    "relevant"
                )
            grades[value.strip()] = int(grade)
        return grades

    @property
    def said(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as plain values."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(Layout)}
        defaults = {each.name: each.default for each in dataclasses.fields(Layout)}
        return {
            name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
            if value != defaults[name]
        }

    @classmethod
    def of(cls, given: "Layout | Mapping[str, Any] | None") -> "Layout":
        """Make a layout of whatever describes one."""
        if given is None:
            return cls()
        if isinstance(given, Layout):
            return given
        if not isinstance(given, Mapping):
            raise DatasetError(f"mapping is a {type(given).__name__}; give a Layout, or a dict such as {{'query': …}}")
        fields = {each.name: each for each in dataclasses.fields(Layout)}
        for name in given:
            if name not in fields:
                near = difflib.get_close_matches(str(name), fields, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it may have: {', '.join(fields)}"
                raise DatasetError(f"a mapping has no {name!r}; {hint}")
        return cls(**{name: _fitting(name, value) for name, value in given.items()})


_SEVERAL = ("negative", "ignore", "relevance", "columns")
_TEXTS = ("query", "positive", "label", "split_column", "separator")


def _fitting(name: str, value: Any) -> Any:  # noqa: ANN401 - a field of any type
    """Bring a value to the type of its field."""
    if name in _SEVERAL:
        return _several(name, value)
    if value is None:
        return None
    if name == "documents":
        if not isinstance(value, str | Path):
            raise DatasetError(f"documents is {value!r}; give a path")
        return Path(value)
    if name == "min_relevance":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DatasetError(f"min_relevance is {value!r}; give a number")
        return float(value)
    if name in ("no_header", "candidates") and not isinstance(value, bool):
        raise DatasetError(f"{name} is {value!r}; give True or False")
    if name in _TEXTS and not isinstance(value, str):
        raise DatasetError(f"{name} is {value!r}; give a text")
    return value


def _whole(grade: object) -> object:
    """Give a whole number as such; anything else stays, to be refused as it is written."""
    return int(grade) if isinstance(grade, bool | float) and float(grade).is_integer() else grade


def _several(name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
    if value is None:
        return ()
    if name == "relevance" and isinstance(value, Mapping):
        return tuple(f"{key}={_whole(grade)}" for key, grade in value.items())
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",")) if name in ("relevance", "columns") else (value,)
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise DatasetError(f"{name} is {value!r}; give a text or a list of texts")
    return tuple(value)


NOTHING_SAID = Layout()
