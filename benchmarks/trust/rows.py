"""What was tried, and what came of it: one row a fault and a command, kept as soon as it is whole."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
NAMES = ("flips", "kills", "system")
_MARKS = ("<!-- table -->", "<!-- /table -->")


@dataclass
class Row:
    """A fault under a command."""

    fault: str
    command: str
    tries: int = 0
    untouched: int = 0  # the result is the undisturbed one, and nothing was said
    mended: int = 0  # the result is the undisturbed one, and what was done anew was named
    told: int = 0  # one message, no result
    losses: list[str] = field(default_factory=list)  # another result without a word, a traceback, a hang, a torn file
    seconds: float = 0.0

    def count(self, outcome: str, problem: str = "") -> None:
        """Add a try: `untouched`, `mended` or `told`, or a problem, which is a loss."""
        self.tries += 1
        if problem:
            self.losses.append(problem)
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)

    def cells(self) -> list[str]:
        """The row as a table shows it."""
        counts = (self.tries, self.untouched, self.mended, self.told, len(self.losses))
        return [self.fault, f"`{self.command}`", *(f"{count:,}" for count in counts)]


HEAD = ["fault", "command", "tries", "undisturbed", "mended and named", "refused in one message", "losses"]


def keep(name: str, rows: Iterable[Row], *, about: dict[str, Any]) -> None:
    """Write the rows of a module down."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def kept(name: str, *, about: dict[str, Any] | None = None) -> list[Row]:
    """Read the rows of a module; with `about` only where they are of the same code, seed and number of tries."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return []
    state = json.loads(file.read_text())
    return [Row(**row) for row in state["rows"]] if about in (None, state["about"]) else []


def table(rows: Sequence[Row]) -> str:
    """Lay rows out in Markdown, with a sum below."""
    total = Row("all", "")
    for row in rows:
        for key in ("tries", "untouched", "mended", "told"):
            setattr(total, key, getattr(total, key) + getattr(row, key))
        total.losses += row.losses
    last = [f"**{cell}**" if cell else "" for cell in ["all", "", *total.cells()[2:]]]
    lines = [HEAD, ["---"] * 2 + ["---:"] * (len(HEAD) - 2), *(row.cells() for row in rows), last]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_readme() -> None:
    """Put the table of all that is kept into README.md."""
    before, _, rest = README.read_text().partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    rows = [row for name in NAMES for row in kept(name)]
    README.write_text(f"{before}{_MARKS[0]}\n\n{table(rows)}\n\n{_MARKS[1]}{after}")
