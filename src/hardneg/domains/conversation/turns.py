"""What every format of conversations is read into: questions with the turns before them, and documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

from hardneg.domains.conversation.files import At

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

    conversation_id: str
    text: str
    history: tuple[str, ...]
    labels: tuple[tuple[str, int], ...]
    at: At
    split: str = ""
    rewrite: str | None = None
    entity: str | None = None

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
        known = self.rows.setdefault(doc_id, {"text": text, **metadata})
        if known["text"] != text:
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
