"""`hardneg train`: one model, with mined negatives or without."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hardneg.cli.display import own_negatives_line, progress, show_findings, show_reading
from hardneg.cli.joined import AllowOtherData, mined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import DocumentPrompt, QueryPrompt, TrustRemoteCode
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, Seed, SkipInvalid, from_here, given, said_of
from hardneg.files import check_folder


@reads_dataset
def train(
    dataset: DatasetPath,
    out: Out,
    model: Annotated[
        str | None, typer.Option(help="Model to start from: Hub id, folder or package:NAME/FOLDER.")
    ] = None,
    negatives: Annotated[
        Path | None,
        typer.Option(help="Folder of `hardneg mine`, or a Parquet file; without it, the dataset's own judged ones."),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(help="Run folder that `hardneg score` wrote into, or a Parquet file, for a loss that distils."),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Train on the positives of this split; train if not given.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Take the training settings from a recipe.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One training setting, as epochs=2. Repeat for more.")
    ] = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    trust_remote_code: TrustRemoteCode = False,
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Train a two-tower model; the result is a plain sentence-transformers folder."""
    from hardneg.models.installed import check_installed

    check_folder(out)
    check_installed("training", training=True)
    from hardneg.cli.components import parse_settings
    from hardneg.data.reading import read_dataset
    from hardneg.pipeline.scores import read_scores
    from hardneg.recipe import Recipe
    from hardneg.runs.found import read_found, with_found
    from hardneg.runs.record import recording
    from hardneg.training.loop import train as train_model

    changes: dict[str, Any] = {"dataset": from_here(dataset), "mine": given(split=split)}
    changes |= {"model": from_here(model)} if model else {}
    changes |= {
        "train": {
            **parse_settings(set_ or []),
            **given(seed=seed, query_prompt=query_prompt, document_prompt=document_prompt),
        }
    }
    changes["train"] |= {"trust_remote_code": True} if trust_remote_code else {}
    plan = Recipe.load(recipe, changes=changes) if recipe else Recipe.from_table(changes)
    data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
    mined = None
    if negatives is not None:
        mined, _ = mined_for(data, negatives, allow_other_data=allow_other_data, quiet=json or quiet)
    if negatives is not None and negatives.is_dir():
        found = read_found(negatives, data)
        data = with_found(data, found, split=plan.mine.split)
        if found.height and not (json or quiet):
            typer.echo(f"hardneg: {found.height:,} found positives of {negatives} are taken for labels", err=True)
    taught = None if scores is None else read_scores(scores, data)
    with (
        progress(quiet=quiet or json),
        recording(out, "train", dataset=from_here(dataset), layout=said_of(layout, skip_invalid)),
    ):
        trained = train_model(
            plan.model, data, mined, scores=taught, settings=plan.train, split=plan.mine.split, out=out
        )
    if json:
        from json import dumps

        typer.echo(dumps(asdict(trained), default=str))
    else:
        typer.echo(
            f"{trained.n_steps:,} steps over {trained.n_pairs:,} pairs in {trained.seconds:,.0f} s, "
            f"final loss {trained.loss:.4g} (mean of the last steps); the model is {trained.path}"
        )
    if trained.own_negatives and not json:
        typer.echo(
            f"hardneg: {own_negatives_line(trained.own_negatives)}; --set own_negatives=false leaves them out",
            err=True,
        )
    if not json:
        show_reading(plan.model, trained.reading)
        show_findings(trained.findings)
