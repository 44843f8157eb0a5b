"""Tiny data, a tiny model, and folders of everything that commands write, made once."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forked import command

_WORDS = [f"{first}{second}" for first in "bdgkl" for second in "aeiou"]


@dataclass(frozen=True)
class Case:
    """Where everything lies."""

    place: Path
    logs: Path = field(init=False)

    def __post_init__(self) -> None:
        """Name what follows."""
        object.__setattr__(self, "logs", self.place / "log")

    @property
    def data(self) -> Path:
        """The dataset."""
        return self.place / "data"

    @property
    def model(self) -> Path:
        """The model."""
        return self.place / "tiny"

    def run(self, *arguments: object) -> None:
        """Run a command that must end well."""
        ended = command([str(each) for each in arguments], self.logs)
        assert ended.code == 0, f"{arguments}: {ended.errors}"

    def made(self, name: str, arguments: Callable[[Path], list[str]]) -> Path:
        """Make a folder by a command, once."""
        out = self.place / name
        if not out.exists():
            self.run(*arguments(out))
        return out

    def mine(self, out: Path) -> list[str]:
        """Mine into a folder, in several parts."""
        dense = f"dense(model='{self.model}')"
        sizes = ["--filter", "near_duplicate", "--block-size", "8", "--depth", "12", "--quiet"]
        return ["mine", str(self.data), "-o", str(out), "--source", "bm25", "--source", dense, *sizes]


def write_data(folder: Path, *, queries: int = 40, documents: int = 120) -> None:
    """Write a dataset with three splits, as BEIR has it."""
    rng = random.Random(0)
    text = lambda n: " ".join(rng.choice(_WORDS) for _ in range(n))  # noqa: E731
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{i}", "text": text(rng.randrange(3, 20))} for i in range(documents)]
    asked = [{"_id": f"q{i}", "text": text(4)} for i in range(queries)]
    for name, rows in (("corpus", corpus), ("queries", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    share = {"train": range(queries // 2), "dev": range(queries // 2, 3 * queries // 4)}
    share["test"] = range(3 * queries // 4, queries)
    for split, numbers in share.items():
        lines = "".join(f"q{i}\td{i}\t1\n" + f"q{i}\td{i + 60}\t1\n" * (split == "train") for i in numbers)
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}")


def contents(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def restore(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder hold just these files again."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, content in files.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
