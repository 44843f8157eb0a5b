"""`hardneg export`: mined negatives as files for other trainers."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.export_model import OF_MODELS, export_of_model
from hardneg.cli.joined import AllowOtherData, joined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, SkipInvalid, print_json, shown_place

# Importing the forms themselves would load polars; a test holds the two together.
FORMS = (
    *("triplet", "n-tuple", "labeled-pair", "labeled-list", "flagembedding", "flagembedding-reranker", "tevatron"),
    *("tevatron-legacy", "pylate", "pylate-kd", "ms-swift", "ms-swift-reranker", "nemo", "nemo-inline"),
    *("lightning-ir", "docpairs", "gpl", "mteb", "beir", "trec", "parquet"),
)


@reads_dataset
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[DATASET] RUN",
            help="What was mined, if the run does not say it, and the run folder, or a Parquet file of negatives.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File (.jsonl or .parquet) or folder to write, as the form asks.")
    ],
    form: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help=f"Who shall read it: {', '.join(FORMS)}; or, of a model, {' or '.join(OF_MODELS)}.",
            show_default=True,
        ),
    ] = "triplet",
    split: Annotated[
        str | None, typer.Option(help="Export the positives of this split; that which was mined if not given.")
    ] = None,
    scores: Annotated[bool, typer.Option("--scores", help="Add the scores of positives and negatives.")] = False,
    ids: Annotated[bool, typer.Option("--ids", help="Add the ids of queries and documents.")] = False,
    n_negatives: Annotated[
        int | None, typer.Option(min=1, help="Negatives of each row; queries with fewer are left out.")
    ] = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Write mined negatives for another trainer, and beside them what its format cannot carry.

    Positives that mining found in the run are positives here too, as `hardneg train` takes them. With --form onnx the
    model of the run is written for serving, if it gives the vectors there that its training recorded.
    """
    if form in OF_MODELS:
        export_of_model(names, out, form, json=json)
        return
    from hardneg.errors import RecipeError
    from hardneg.exports.write import Wish, check_place, write
    from hardneg.runs.lock import writing_file
    from hardneg.runs.origin import read_dataset_of

    if len(names) > 2:
        raise RecipeError(f"export: {len(names)} names are too many; give a dataset and a run, or the run alone")
    place, negatives = (names[0] if len(names) > 1 else None), Path(names[-1])
    check_place(Wish(form, split or "train", scores, ids, n_negatives), out)
    with progress(quiet=quiet or json), writing_file(out):
        data = read_dataset_of(negatives, place, mapping=layout.said, skip_invalid=skip_invalid)
        joined = joined_for(data, negatives, split=split, allow_other_data=allow_other_data, quiet=json)
        positives = joined.found.join(joined.negatives, on="query", how="semi", maintain_order="left")
        wish = Wish(form, joined.split, scores, ids, n_negatives)
        written = write(wish, joined.dataset, joined.negatives, out, found=positives, n_answers=joined.n_answers)
    if json:
        shown = {"path": shown_place(out), "rows": written.n_rows, "columns": written.columns, "files": written.files}
        counts = {"found_positives": positives.height, "dropped_answers": joined.n_answers}
        print_json(shown | counts | {"manifest": written.manifest})
        return
    if positives.height:
        typer.echo(
            f"hardneg: {positives.height:,} found positives of {negatives} are exported as positives; --ids says "
            f"who found them, and {negatives / 'negatives'} in place of {negatives} leaves them out",
            err=True,
        )
    for reason, count in written.manifest["left_out"].items():
        typer.echo(f"hardneg: left out: {count:,} {reason}", err=True)
    typer.echo(f"{written.n_rows:,} rows with columns {', '.join(written.columns)} written to {shown_place(out)}")
