"""`hardneg data interactions`: a recommender's dataset from who did what when."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.display import progress
from hardneg.cli.options import Json, Out, Quiet, Seed, SkipInvalid

if TYPE_CHECKING:
    from hardneg.domains.recommender.build import InteractionCounts


def interactions(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Interactions: user, item, time, perhaps a rating; a text file of any ending, JSONL or Parquet.",
        ),
    ],
    *,
    out: Out,
    items: Annotated[
        Path | None, typer.Option("--items", help="File of the items: their id, title, genres and other columns.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Column of the user.")] = None,
    item: Annotated[str | None, typer.Option("--item", help="Column of the item's id, in both files.")] = None,
    time: Annotated[str | None, typer.Option("--time", help="Column of the time: a number or an ISO date.")] = None,
    rating: Annotated[
        str | None, typer.Option("--rating", help="Column of a rating, or of whether it was clicked.")
    ] = None,
    ignore_rating: Annotated[
        bool, typer.Option("--ignore-rating", help="Take every row as positive, whatever its rating.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            help="Names of a file's columns in order, if it has no header: user,item,rating,time; _ for none.",
        ),
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help="The first line is data, even if it looks like a header.")
    ] = False,
    separator: Annotated[
        str | None,
        typer.Option("--separator", help="What stands between fields: '::', tab, blanks, …; found if not given."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Of a file that is not UTF-8, such as latin-1.")
    ] = None,
    order: Annotated[
        bool, typer.Option("--order", help="The order of rows is that of time; for a file without times.")
    ] = False,
    item_columns: Annotated[
        str | None, typer.Option("--item-columns", help="As --columns, for the file of items: id,title,genres.")
    ] = None,
    item_separator: Annotated[
        str | None, typer.Option("--item-separator", help="As --separator, for the file of items.")
    ] = None,
    item_text: Annotated[
        list[str] | None,
        typer.Option(
            "--item-text",
            help="Column of the items that makes their text. Repeat for more; found by name if not given.",
        ),
    ] = None,
    min_rating: Annotated[
        float | None,
        typer.Option(
            "--min-rating",
            help="From this rating on an interaction is positive; below, it was shown and not taken. 1 of 0 and 1.",
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="leave-last-out (each user's last positive), time (one moment for all), or random (one of each user).",
        ),
    ] = "leave-last-out",
    test_share: Annotated[
        float, typer.Option("--test-share", min=0, max=1, help="With --split time, share of the positives to test on.")
    ] = 0.1,
    dev_share: Annotated[
        float, typer.Option("--dev-share", min=0, max=1, help="With --split time, share of the positives before that.")
    ] = 0.1,
    history: Annotated[
        int | None,
        typer.Option(
            "--history",
            min=1,
            help="Longest history of a query: its newest items; 50 if not given, and the whole with --split random.",
        ),
    ] = None,
    queries_per_user: Annotated[
        int | None,
        typer.Option(
            "--queries-per-user", min=1, help="Most queries of a user in each split, the newest; all if not given."
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="FOLDER", help="Also make an untrained model there, a vector for each item id and word."
        ),
    ] = None,
    dimension: Annotated[int, typer.Option("--dimension", min=1, help="Length of that model's vectors.")] = 64,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a recommender's dataset: a user's history asks, the item taken next answers."""
    from hardneg.domains.recommender import InteractionColumns, InteractionSplits, TextForm, read_interactions_dataset

    refuse_taken(out)
    if model is not None:
        from hardneg.models.options import check_installed

        check_installed("making a model")
    with progress(quiet=quiet):
        data, counts, mappings = read_interactions_dataset(
            file,
            items,
            columns=InteractionColumns(
                user=user,
                item=item,
                time=time,
                rating=rating,
                ignore_rating=ignore_rating,
                item_text=tuple(item_text or ()),
            ),
            form=TextForm(separator=separator, columns=_named(columns), no_header=no_header, encoding=encoding),
            item_form=TextForm(separator=item_separator, columns=_named(item_columns), encoding=encoding),
            in_order=order,
            splits=InteractionSplits(by=split, test_share=test_share, dev_share=dev_share, seed=seed or 0),  # type: ignore[arg-type]
            skip_invalid=skip_invalid,
            name=out.name,
            min_rating=min_rating,
            history=history,
            queries_per_user=queries_per_user,
        )
        if model is not None:
            from hardneg.domains.recommender import build_item_model

            build_item_model(data, model, dimension=dimension, seed=seed or 0)
    more = {"interactions": asdict(counts), "mapping": {name: each.as_dict() for name, each in mappings.items()}}
    lines = [line for each in mappings.values() for line in each.lines()] + _lines(counts, model)
    write_built(data, out, as_json=as_json, more=more, lines=lines)


def _named(columns: str | None) -> tuple[str, ...]:
    return () if columns is None else tuple(name.strip() for name in columns.split(","))


def _lines(counts: "InteractionCounts", model: Path | None) -> list[str]:
    cold = ", ".join(f"{share:.1%} of the answers of {split}" for split, share in counts.cold_positives.items())
    median, most = counts.pairs_per_user
    lines = [
        f"{counts.interactions:,} interactions of {counts.users:,} users; {counts.positives:,} positives",
        f"cold items: {counts.cold_items:,} of {counts.items:,}, {cold}",
        f"training pairs a user: {median:,.0f} at the median, {most:,} at most",
    ]
    lines.append(f"first positives of their user, without a history to ask with: {counts.first_positives:,}")
    lines.append(str(counts.order or "order: none; a history is the set of all else that its user took"))
    if counts.undescribed_items:
        lines.append(f"items that the file of items lacks: {counts.undescribed_items:,}")
    return lines + ([f"untrained model: {model}"] if model else [])
