"""Options that every command takes, spelled once."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress bars.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random choice.")]
SkipInvalid = Annotated[
    bool,
    typer.Option("--skip-invalid", help="Skip rows that cannot be used, and count them, where that is safe."),
]
DatasetPath = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="BEIR folder, hardneg folder, JSONL/CSV/Parquet file, or hf:NAME."),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")]


def from_here(name: str) -> str:
    """Make a typed name that is a path absolute: a recipe looks for its own names beside itself first."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else name
