"""`hardneg export`: mined negatives as a file for sentence-transformers."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.joined import AllowOtherData, joined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, SkipInvalid, print_json


@reads_dataset
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[DATASET] RUN",
            help="What was mined, if the run does not say it, and the run folder, or a Parquet file of negatives.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .jsonl or .parquet.")],
    form: Annotated[str, typer.Option(help="triplet, n-tuple, labeled-pair or labeled-list.")] = "triplet",
    split: Annotated[
        str | None, typer.Option(help="Export the positives of this split; that which was mined if not given.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Add the scores of positives and negatives.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Add the ids of queries and documents.")] = False,
    n_negatives: Annotated[int | None, typer.Option(min=1, help="Negatives in each row of an n-tuple.")] = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Write mined negatives in a form that sentence-transformers trains on.

    Positives that mining found in the run are positives here too, as `hardneg train` takes them.
    """
    from hardneg.errors import RecipeError
    from hardneg.negatives.export import export as write
    from hardneg.runs.origin import read_dataset_of

    if len(names) > 2:
        raise RecipeError(f"export: {len(names)} names are too many; give a dataset and a run, or the run alone")
    place, negatives = (names[0] if len(names) > 1 else None), Path(names[-1])
    with progress(quiet=quiet or json):
        data = read_dataset_of(negatives, place, mapping=layout.said, skip_invalid=skip_invalid)
        joined = joined_for(data, negatives, split=split, allow_other_data=allow_other_data, quiet=json)
        mined = joined.negatives
        positives = joined.found.join(mined, on="query", how="semi", maintain_order="left")
        table = write(
            joined.dataset,
            mined,
            split=joined.split,
            form=form,
            path=out,
            scores=scores,
            ids=ids,
            n_negatives=n_negatives,
            found=positives,
        )
    if json:
        written = {"path": str(out), "rows": table.height, "columns": table.columns}
        print_json(written | {"found_positives": positives.height, "dropped_answers": joined.n_answers})
    else:
        if positives.height:
            typer.echo(
                f"hardneg: {positives.height:,} found positives of {negatives} are exported as positives; --ids says "
                f"who found them, and {negatives / 'negatives'} in place of {negatives} leaves them out",
                err=True,
            )
        typer.echo(f"{table.height:,} rows with columns {', '.join(table.columns)} written to {out}")
