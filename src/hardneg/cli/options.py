"""Options that every command takes, spelled once."""

from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from hardneg import addresses, files
from hardneg.data.layout import Layout

from_here = files.from_here
shown_place, shown_places = addresses.shown_place, addresses.shown_places

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress bars.")]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed of every random choice; the recipe's, or 0, if not given.")
]
SkipInvalid = Annotated[
    bool,
    typer.Option("--skip-invalid", help="Skip rows that cannot be used, and count them, where that is safe."),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Ask an LLM judge or an embedding API without asking you first what it may cost.")
]
Preset = Annotated[
    str | None,
    typer.Option(help="What is hard in a domain: code, legal, conversation or recommender; goes before the recipe."),
]
DatasetPath = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="BEIR folder, hardneg folder, JSONL/CSV/Parquet file, or hf:NAME."),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")]
ResultsIn = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="FOLDER", help="Write the result into a folder too, where `hardneg report` shows it."
    ),
]


def given(**options: Any) -> dict[str, Any]:  # noqa: ANN401 - options of any type pass through
    """Keep the options that were typed, so that those left out do not replace what a recipe says."""
    return {name: value for name, value in options.items() if value is not None}


def print_json(found: object) -> None:
    """Print one JSON object on stdout; a path in it, and the like, as text, and as its address if it has one."""
    typer.echo(shown_places(dumps(found, default=str)))


def said_of(layout: Layout, skip_invalid: bool) -> dict[str, Any]:
    """Give what was said of a dataset beside its path, as `[dataset]` of a recipe holds it."""
    return layout.said | ({"skip_invalid": True} if skip_invalid else {})


Measures = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        help="What to measure, as ir-measures names it: RR@10, R@50. Repeat for more; the usual ones if not given.",
    ),
]
Watch = Annotated[
    str | None,
    typer.Option(
        metavar="SPLIT",
        help="Measure on this split while training, on a sample; with options if need be: dev, "
        "'dev(every=0.5, keep=\"best\", patience=4)'.",
    ),
]
Primary = Annotated[
    str | None,
    typer.Option(metavar="MEASURE", help="Measure to compare and to choose by; the first if not given."),
]
