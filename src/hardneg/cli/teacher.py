"""`hardneg teacher`: train a cross-encoder that judges what was mined."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.display import progress, show_findings
from hardneg.cli.joined import AllowOtherData, mined_for
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, SkipInvalid, from_here, given, print_json, shown_place
from hardneg.cli.waiting import waits
from hardneg.cli.ways_out import Commands

if TYPE_CHECKING:
    from hardneg.sources import Source
    from hardneg.teachers.training import Taught

teacher_app = typer.Typer(cls=Commands, help="Train a cross-encoder that judges what was mined.", no_args_is_help=True)


@teacher_app.command("train")
@waits
@reads_dataset
def train(
    dataset: DatasetPath,
    out: Out,
    model: Annotated[
        str, typer.Option(help="Encoder or cross-encoder to start from: Hub id, folder or package:NAME/FOLDER.")
    ],
    negatives: Annotated[Path, typer.Option(help="Folder of `hardneg mine`, or a Parquet file.")],
    folds: Annotated[
        int | None, typer.Option(min=2, help="Models to train, each without one fold of the queries; 2 if not given.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of queries whose equal values stay in one fold, as equal texts do.")
    ] = None,
    split: Annotated[str, typer.Option(help="Train on the positives of this split.")] = "train",
    epochs: Annotated[int | None, typer.Option(min=1, help="Times every pair is seen; 1 if not given.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pairs of a step; 32 if not given.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of the schedule; 2e-5 if not given.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=8, help="Cut pairs there; the model's own limit if not given.")
    ] = None,
    negatives_per_query: Annotated[
        int | None, typer.Option(min=1, help="Negatives of each query, by a seeded choice; all if not given.")
    ] = None,
    random_per_query: Annotated[
        int | None, typer.Option(min=0, help="Random documents as further negatives of each query; 3 if not given.")
    ] = None,
    max_pairs: Annotated[int | None, typer.Option(min=2, help="Cap on positive pairs; none if not given.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, bf16 or fp32; auto if not given.")] = None,
    evaluate: Annotated[
        int, typer.Option(min=0, help="Re-rank this many held-out queries to measure the teacher; 0 for none.")
    ] = 200,
    first_stage: Annotated[
        str, typer.Option(help="Source whose results are re-ranked, with options if need be: 'dense(model=\"…\")'.")
    ] = "bm25",
    depth: Annotated[int, typer.Option(min=10, help="Results of the first stage to re-rank.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Train cross-encoders on the labels and mined negatives, and measure them on queries they never saw.

    Each query is judged by the model that was trained without it. The same command goes on where it was stopped.
    """
    from hardneg import read_dataset
    from hardneg.teachers.settings import TeacherSettings, check_teachable

    check_teachable()
    from hardneg.teachers.training import train_teacher

    options = given(folds=folds, group=group, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    options |= given(max_tokens=max_tokens, negatives_per_query=negatives_per_query, max_pairs=max_pairs)
    options |= given(random_per_query=random_per_query)
    settings = TeacherSettings(**options, **given(precision=precision), seed=seed)
    source = _source(dataset, first_stage) if evaluate else None
    data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
    mined, _ = mined_for(data, negatives, allow_other_data=allow_other_data, quiet=json or quiet)
    with progress(quiet=quiet or json):
        result = train_teacher(
            from_here(model),
            data,
            mined,
            out=out,
            settings=settings,
            split=split,
            first_stage=source,
            depth=depth,
            max_queries=evaluate,
            address=from_here(dataset),
        )
    if json:
        print_json(result.as_dict())
    else:
        _show(result, result.evaluation)
        show_findings(result.findings)


def _source(dataset: str, text: str) -> "Source":
    from hardneg import Recipe
    from hardneg.cli.components import parse_component

    table = {"dataset": from_here(dataset), "sources": [parse_component(text)]}
    return Recipe.from_table(table, place="--first-stage").sources[0]


def _show(taught: "Taught", found: dict[str, Any] | None) -> None:
    typer.echo(
        f"{taught.n_folds} models on {taught.n_positives:,} positives and {taught.n_negatives:,} mined negatives "
        f"in {taught.seconds:,.0f} s, mean loss {taught.loss:.4f}; the teacher is {shown_place(taught.path)}"
    )
    if found is None:
        return
    where = f"{found['n_queries']:,} held-out queries, {found['first_stage']} to depth {found['depth']}"
    typer.echo(f"re-ranking {where}, mean [95 % interval]:")
    for name, gain in found["gain"].items():
        before, after = found["before"][name]["value"], found["after"][name]["value"]
        interval = f"[{gain['low']:+.4f}, {gain['high']:+.4f}]"
        typer.echo(f"  {name}: {before:.4f} -> {after:.4f}, {gain['difference']:+.4f} {interval}")
