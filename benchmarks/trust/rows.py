"""What was tried, and what came of it: one row a fault and a command."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
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

    def cells(self) -> list[str]:
        """The row as a table shows it."""
        counts = (self.tries, self.untouched, self.mended, self.told, len(self.losses))
        return [self.fault, f"`{self.command}`", *(f"{count:,}" for count in counts)]


HEAD = ["fault", "command", "tries", "undisturbed", "mended and named", "refused in one message", "losses"]


def keep(name: str, rows: Iterable[Row], *, about: dict[str, object]) -> None:
    """Write the rows of a module down."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"about": about, "rows": [asdict(row) for row in rows]}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def kept() -> list[Row]:
    """Read the rows of all modules."""
    files = [RESULTS / f"{name}.json" for name in ("flips", "kills", "system")]
    return [Row(**row) for file in files for row in json.loads(file.read_text())["rows"]]


def table(rows: Sequence[Row]) -> str:
    """Lay rows out in Markdown."""
    lines = [HEAD, ["---"] * 2 + ["---:"] * (len(HEAD) - 2), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def write_readme() -> None:
    """Put the table of all that is kept into README.md."""
    before, _, rest = README.read_text().partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    README.write_text(f"{before}{_MARKS[0]}\n\n{table(kept())}\n\n{_MARKS[1]}{after}")
