"""Joining what a run mined with a dataset, and saying what became of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from hardneg.data.dataset import Dataset

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
