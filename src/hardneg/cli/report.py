"""`hardneg report`: one page about a run."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.joined import AllowOtherData
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, Seed, SkipInvalid, print_json, shown_place


@reads_dataset
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of what one command wrote.")],
    dataset: Annotated[str | None, typer.Option(help="The dataset, for its texts; the recipe's if not given.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write; RUN/report.html if not given.")
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="Queries to show, the hardest and some by chance.")] = 200,
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Write one page that shows what was mined, what was refused and why, and what it did to the model."""
    from hardneg.data.reading import read_dataset
    from hardneg.reports.write import check_report
    from hardneg.reports.write import report as write

    check_report()
    with progress(quiet=quiet or json):
        data = None if dataset is None else read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        place = write(run, dataset=data, out=out, seed=seed or 0, examples=examples, allow_other_data=allow_other_data)
    size = place.stat().st_size
    if json:
        print_json({"path": str(place), "bytes": size})
    else:
        shown = f"{shown_place(place)} ({size / 1e6:.1f} MB)"
        typer.echo(f"The report is {shown}; open it in a browser, it needs no network.")
