"""`hardneg train`: one model, with mined negatives or without."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import own_negatives_line, progress, show_findings, show_reading
from hardneg.cli.engine_options import scales
from hardneg.cli.joined import AllowOtherData
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import AllowCode, DocumentPrompt, QueryPrompt, TrustRemoteCode
from hardneg.cli.options import (
    Json,
    Out,
    Quiet,
    Seed,
    SkipInvalid,
    Watch,
    from_here,
    given,
    print_json,
    said_of,
    shown_place,
)


@scales(keep=False)
@reads_dataset
def train(
    *,
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="DATASET", help="As elsewhere; that of --negatives if not given."),
    ] = None,
    out: Out,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to start from: Hub id, folder or package:NAME/FOLDER; that of --negatives if not given."
        ),
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(help="Folder of `hardneg mine`, or a Parquet file; without it, the dataset's own judged ones."),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Run folder that `hardneg score` wrote into, or a Parquet file, for a loss that distils."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option(
            help="A further dataset to train on, or the folder of `hardneg mine` for one. Repeat for more; a batch is "
            "of one of them. A recipe's [[also]] says more."
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Train on the positives of this split; train if not given.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Take the training settings from a recipe.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One training setting, as epochs=2. Repeat for more.")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Save adapters (lora) added to the weights: a model that needs no PEFT.")
    ] = False,
    watch: Watch = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    trust_remote_code: TrustRemoteCode = False,
    allow_code: AllowCode = False,  # noqa: ARG001 - its callback does it all
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Train a two-tower model; the result is a plain sentence-transformers folder."""
    from hardneg.cli.components import parse_settings, parse_watch
    from hardneg.pipeline.training import prepare_training

    settings = parse_settings(set_ or []) | given(seed=seed, query_prompt=query_prompt, document_prompt=document_prompt)
    settings |= parse_watch(watch)
    settings |= {"merge_adapters": True} if merge else {}
    settings |= {"trust_remote_code": True} if trust_remote_code else {}
    changes = {"mine": given(split=split), "train": settings, **given(model=model and from_here(model))}
    lesson = prepare_training(
        changes,
        recipe=recipe,
        address=given(path=dataset and from_here(dataset)) | said_of(layout, skip_invalid),
        negatives=negatives,
        scores=scores,
        also=[from_here(place) for place in also or ()],
        allow_other_data=allow_other_data,
        out=out,
    )
    for note in () if json or quiet else lesson.notes:
        typer.echo(f"hardneg: {note}", err=True)
    with progress(quiet=quiet or json):
        trained = lesson.train()
    if json:
        print_json(asdict(trained) | {"path": shown_place(trained.path)})
    else:
        typer.echo(
            f"{trained.n_steps:,} steps over {trained.n_pairs:,} pairs in {trained.seconds:,.0f} s, "
            f"final loss {trained.loss:.4g} (mean of the last steps); the model is {shown_place(trained.path)}"
        )
    if trained.watched is not None and not json:
        typer.echo(f"hardneg: {trained.watched}", err=True)
    if trained.own_negatives and not json:
        typer.echo(
            f"hardneg: {own_negatives_line(trained.own_negatives)}; --set own_negatives=false leaves them out",
            err=True,
        )
    if not json:
        show_reading(lesson.recipe.model, trained.reading)
        show_findings(trained.findings)
