"""`hardneg compare`: finished runs on the same queries."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.joined import AllowOtherData
from hardneg.cli.options import Json, Quiet, Seed, print_json


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN…", help="Folders of `hardneg run`, of a ladder's rungs, or of `hardneg evaluate`."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write comparison.json and per_query.parquet there.")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(metavar="MEASURE", help="Compare by this measure; that of the first run if not given."),
    ] = None,
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare finished runs query by query: each with the one before it, and with the first.

    The p-values are corrected for the number of comparisons.
    """
    from hardneg.ladders.runs import compare_runs

    with progress(quiet=quiet or json):
        comparison = compare_runs(runs, out=out, measure=measure, seed=seed or 0, allow_other_data=allow_other_data)
    if json:
        print_json(comparison)
    else:
        from hardneg.cli.ladder_display import show_ladder

        show_ladder(comparison)
