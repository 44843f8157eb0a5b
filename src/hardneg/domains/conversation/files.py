"""What a file of conversations holds, and where in it a problem stands."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardneg.data.lines import encoding_problem, numbered_lines, open_bytes, parse_record
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class At:
    """A place in a file of conversations."""

    path: Path
    line: int | None = None
    within: str = ""

    def inner(self, more: str) -> "At":
        """Name a place inside this one."""
        return At(self.path, self.line, f"{self.within}, {more}" if self.within else more)

    def error(self, problem: str) -> DatasetError:
        """Make the error that says what is wrong here."""
        return DatasetError(f"{self.within}: {problem}" if self.within else problem, path=self.path, line=self.line)

    def reject(self, rejections: Rejections, reason: str, problem: str) -> None:
        """Refuse what stands here, or count it and leave it out."""
        message = f"{self.within}: {problem}" if self.within else problem
        rejections.reject(reason, message, path=self.path, line=self.line)


def read_value(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Read a file that is one JSON value."""
    try:
        with open_bytes(path) as file:
            text = file.read()
    except (OSError, EOFError) as error:
        raise DatasetError(f"cannot be read: {error}", path=path) from error
    if problem := encoding_problem(text, 0):
        raise DatasetError(problem, path=path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(
            f"broken JSON: {error.msg} at character {error.colno}", path=path, line=error.lineno
        ) from None


def numbered_records(path: Path, rejections: Rejections) -> Iterator[tuple[At, Mapping[str, Any]]]:
    """Go through the objects of a JSON Lines file."""
    for number, offset, line in numbered_lines(path):
        record = encoding_problem(line, offset) or parse_record(line)
        if isinstance(record, str):
            rejections.reject("broken line", record, path=path, line=number)
        else:
            yield At(path, number), record


def texts_of(value: object, at: At, *, key: str) -> list[str]:
    """Read one text or a list of texts; nothing for null."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    for each in values:
        if not isinstance(each, str | int) or isinstance(each, bool):
            raise at.error(f"{key!r} must be a text or a list of texts, not {each!r}")
    return [text for each in values if (text := str(each)).strip()]
