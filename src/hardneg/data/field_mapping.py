"""What a reader made of a dataset: which column, field or file became what."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class FieldMapping:
    """Which column, field or file became what, and what was left out."""

    layout: str
    fields: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, for JSON."""
        return {
            "layout": self.layout,
            "fields": [{"role": role, "from": source} for role, source in self.fields],
            "ignored": list(self.ignored),
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FieldMapping":
        """Make it again from what `as_dict` gave."""
        fields = tuple((each["role"], each["from"]) for each in values["fields"])
        return cls(values["layout"], fields, tuple(values["ignored"]), tuple(values["notes"]))

    def lines(self) -> list[str]:
        """Write it for people, a line for each role."""
        width = max((len(role) for role, _ in self.fields), default=0)
        return [
            f"read as {self.layout}",
            *(f"  {role:<{width}}  ← {source}" for role, source in self.fields),
            *(f"  ignored: {each}" for each in self.ignored),
            *(f"  note: {each}" for each in self.notes),
        ]

    def more(self, *, fields: Iterable[tuple[str, str]] = (), notes: Iterable[str] = ()) -> "FieldMapping":
        """Add to it."""
        notes = tuple(dict.fromkeys((*self.notes, *notes)))
        return FieldMapping(self.layout, (*self.fields, *fields), self.ignored, notes)
