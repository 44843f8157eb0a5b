"""What every format of conversations is read into: questions with the turns before them, and documents."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hardneg.data.lines import encoding_problem, numbered_lines, open_bytes, parse_record
from hardneg.data.rejections import Rejections
from hardneg.errors import DatasetError

SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class At:
    """A place in a file of conversations."""

    path: Path  # the file
    line: int | None = None  # the line, from 1; None in a file that is one JSON value
    within: str = ""  # where in the line or value ("conversation 3, message 2"); empty for all of it

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
    except RecursionError as error:
        raise DatasetError("broken JSON: it is nested too deeply", path=path) from error
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


# The names that formats give to the two who speak; others keep their own.
_SPEAKERS = {
    "u": "user",
    "human": "user",
    "s": "assistant",
    "system": "assistant",
    "agent": "assistant",
    "bot": "assistant",
}


@dataclass(frozen=True)
class Question:
    """A user's turn that somebody labelled."""

    conversation_id: str  # the conversation that it belongs to
    text: str  # the turn
    history: tuple[str, ...]  # the turns before it, each with its speaker, the oldest first
    labels: tuple[tuple[str, int], ...]  # (id of a document, relevance)
    at: At  # where it stands
    split: str = ""  # the split that it belongs to; "" to have it dealt
    rewrite: str | None = None  # the same question, made to stand by itself
    entity: str | None = None  # what it is about

    @property
    def turn(self) -> int:
        """Number of the turn in its conversation, from 1, whoever speaks."""
        return len(self.history) + 1


@dataclass
class Documents:
    """Documents as they are found, one text for each id."""

    rows: dict[str, dict[str, str | None]] = field(default_factory=dict)

    def add(self, doc_id: str, text: str, at: At, *, metadata: Mapping[str, str | None] = MappingProxyType({})) -> str:
        """Take up a document."""
        row = self.rows.setdefault(doc_id, {"text": text, **metadata})
        if row["text"] != text:
            raise at.error(
                f"document {doc_id!r} has another text than where it stood before; give each text its own id"
            )
        return doc_id

    def add_text(self, text: str, at: At) -> str:
        """Take up a document that has no id; its id is a hash of its text."""
        return self.add("d" + blake2b(text.encode(), digest_size=8).hexdigest(), text, at)


def spoken(speaker: str, text: str) -> str:
    """Write a turn with its speaker, as it stands in a history."""
    name = speaker.strip().lower()
    return f"{_SPEAKERS.get(name, name)}: {text.strip()}"


def conversation_of(turns: Sequence[str]) -> str:
    """Name a conversation that has no id after its first turn, which all its later states share."""
    return "c" + blake2b(turns[0].encode(), digest_size=8).hexdigest()
