"""`hardneg export`: mined negatives as a file for sentence-transformers."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.joined import AllowOtherData, mined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Quiet, SkipInvalid


@reads_dataset
def export(
    dataset: DatasetPath,
    negatives: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, or a Parquet file of negatives.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write: .jsonl or .parquet.")],
    form: Annotated[str, typer.Option(help="triplet, n-tuple, labeled-pair or labeled-list.")] = "triplet",
    split: Annotated[str, typer.Option(help="Export the positives of this split.")] = "train",
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
    from hardneg.data.reading import read_dataset
    from hardneg.negatives.export import export as write
    from hardneg.runs.found import found_of, with_found

    with progress(quiet=quiet or json):
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        mined, n_answers = mined_for(data, negatives, allow_other_data=allow_other_data, quiet=json)
        found = found_of(negatives, data, split=split).join(mined, on="query", how="semi", maintain_order="left")
        table = write(
            with_found(data, found, split=split),
            mined,
            split=split,
            form=form,
            path=out,
            scores=scores,
            ids=ids,
            n_negatives=n_negatives,
            found=found,
        )
    if json:
        from json import dumps

        written = {"path": str(out), "rows": table.height, "columns": table.columns}
        typer.echo(dumps(written | {"found_positives": found.height, "dropped_answers": n_answers}))
    else:
        if found.height:
            typer.echo(
                f"hardneg: {found.height:,} found positives of {negatives} are exported as positives; --ids says who "
                f"found them, and {negatives / 'negatives'} in place of {negatives} leaves them out",
                err=True,
            )
        typer.echo(f"{table.height:,} rows with columns {', '.join(table.columns)} written to {out}")
