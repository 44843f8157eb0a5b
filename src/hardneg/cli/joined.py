"""Joining what a run mined with a dataset, and saying what became of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from hardneg.data.dataset import Dataset
    from hardneg.pipeline.joined import Joined

AllowOtherData = Annotated[
    bool,
    typer.Option(
        "--allow-other-data",
        help="Take what was made with other labels, from the same texts; negatives that are answers by now are left "
        "out.",
    ),
]


def mined_for(dataset: "Dataset", place: Path, *, allow_other_data: bool, quiet: bool) -> "tuple[pl.DataFrame, int]":
    """Read mined negatives, less those that have become answers; stderr says how many, and what nobody knows."""
    from hardneg.runs.parts import read_joined

    mined, n_answers, notes = read_joined(place, dataset, allow_other_data=allow_other_data)
    for line in () if quiet else notes:
        typer.echo(f"hardneg: {line}", err=True)
    return mined, n_answers


def joined_for(
    dataset: "Dataset", place: Path, *, split: str | None = None, allow_other_data: bool, quiet: bool
) -> "Joined":
    """Join mined negatives and what was found with a dataset; stderr says what `mined_for` does."""
    from hardneg.pipeline.joined import join

    joined = join("join", dataset, place, split=split, allow_other_data=allow_other_data)
    for line in () if quiet else joined.notes:
        typer.echo(f"hardneg: {line}", err=True)
    return joined


def run_for(dataset: "Dataset", run: Path, *, allow_other_data: bool, quiet: bool) -> "pl.DataFrame":
    """Read mined negatives with the answers among them, unless labels were added; stderr says what nobody knows."""
    from hardneg.runs.joining import check_data
    from hardneg.runs.parts import read_negatives

    note = check_data(run, dataset, allow_other_data=allow_other_data)
    if note and not quiet:
        typer.echo(f"hardneg: {note}", err=True)
    return read_negatives(run, dataset, allow_other_data=allow_other_data)
