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
    from hardneg.negatives.answers import without_answers
    from hardneg.runs.joining import check_data
    from hardneg.runs.parts import read_mined

    note = check_data(place, dataset, allow_other_data=allow_other_data)
    mined, n_answers = without_answers(read_mined(place, dataset), dataset)
    if not quiet:
        for line in (note, n_answers and f"{n_answers:,} negatives of {place} answer their query by now: left out"):
            if line:
                typer.echo(f"hardneg: {line}", err=True)
    return mined, n_answers
