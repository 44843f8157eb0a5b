"""`hardneg verify`: whether a run is whole, from its files alone."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import AllowCode
from hardneg.cli.options import Json, Quiet, print_json


@reads_dataset
def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, a ladder, a fit, or of one command.")],
    dataset: Annotated[str | None, typer.Option(help="What was mined; what the run says if not given.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Ask the filters for all candidates, not for those of a hundred queries.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice of these queries.")] = 0,
    allow_code: AllowCode = False,  # noqa: ARG001 - its callback does it all
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Check a run from its files alone: that they are whole, and that each follows from the others.

    Nothing is changed. Exits with 0 where all is fine and with 1 where something is wrong.
    """
    from hardneg.runs.origin import read_dataset_of
    from hardneg.verbs.verify import verify as check

    with progress(quiet=quiet or json):
        data = read_dataset_of(run, dataset, mapping=layout.said) if dataset is not None or layout.said else None
        verified = check(run, dataset=data, full=full, seed=seed)
    if json:
        print_json(verified.as_dict())
    else:
        for each in verified.checks:
            typer.echo(str(each))
    if verified.wrong:
        raise typer.Exit(1)
