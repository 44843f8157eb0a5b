"""Rows of an input that cannot be used: refused at once, or counted and left out."""

from dataclasses import dataclass, field
from pathlib import Path

from hardneg.errors import DatasetError

N_EXAMPLES = 5


@dataclass
class Rejections:
    """What a reader does with a bad row, and what it has left out so far."""

    skip: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)  # the first few messages, by reason

    def reject(self, reason: str, message: str, *, path: Path | str, line: int | None = None) -> None:
        """Refuse one row."""
        if not self.skip:
            raise DatasetError(f"{message} (or leave such rows out with skip_invalid)", path=path, line=line)
        self.counts[reason] = self.counts.get(reason, 0) + 1
        seen = self.examples.setdefault(reason, [])
        if len(seen) < N_EXAMPLES:
            seen.append(str(DatasetError(message, path=path, line=line)))
