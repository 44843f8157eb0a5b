"""`hardneg data split` and `hardneg data pairs`: test queries for a dataset that has none, and for a file of pairs."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, show_built, write_built
from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, Seed, SkipInvalid


@reads_dataset
def pairs(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pairs or triples: JSONL, CSV, TSV or Parquet.")],
    *,
    out: Out,
    test_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the queries kept for testing."),
    ] = None,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Build a dataset from pairs or triples; ids are hashes of the texts."""
    from hardneg import read_dataset
    from hardneg.data.splitting import held_out

    refuse_taken(out)
    with progress(quiet=quiet):
        data = read_dataset(file, mapping=layout, skip_invalid=skip_invalid)
        if test_share:
            data = held_out(data, test_share=test_share, seed=seed or 0)
    write_built(data, out, as_json=as_json)


@reads_dataset
def split(
    dataset: DatasetPath,
    *,
    out: Out,
    test_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of the queries for testing; 0.2 if there is no test."),
    ] = None,
    dev_share: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of them for development; 0.1 if there is no dev."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="What is dealt: query, document, group or time; query, or what a column says."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Keep equal values of this metadata together.")
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="Test on what is newest by this metadata.")] = None,
    shared_positives: Annotated[
        bool, typer.Option("--shared-positives", help="Let a document answer queries of several splits.")
    ] = False,
    from_: Annotated[str, typer.Option("--split", help="Deal the queries of this split.")] = "train",
    again: Annotated[bool, typer.Option("--again", help="Deal those of test and dev anew too.")] = False,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Deal the queries of a dataset to train, dev and test, and keep together what would tell one of another.

    By query: equal and nearly equal query texts, and queries that share a positive.
    """
    from hardneg import Dealing, read_dataset, split_dataset

    refuse_taken(out)
    how = Dealing(
        by=_by(by, group, time),
        column=group or time,
        test_share=test_share,
        dev_share=dev_share,
        shared_positives=shared_positives,
        split=from_,
        again=again,
        seed=seed or 0,
    )
    with progress(quiet=quiet or as_json):
        dealt = split_dataset(read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid), how)
        dealt.write(out)
    n = sum(dealt.queries.values())
    shares = ", ".join(f"{name} {count:,} ({count / n:.1%})" for name, count in dealt.queries.items())
    lines = [f"dealt by {dealt.how.by} in {dealt.pieces:,} pieces, seed {dealt.how.seed}: {shares}", *dealt.notes]
    show_built(dealt.dataset, out, as_json=as_json, more={"split": dealt.as_dict()}, lines=lines)


def _by(by: str | None, group: str | None, time: str | None) -> str:
    from hardneg.errors import DatasetError

    names = [name for name, column in (("group", group), ("time", time)) if column is not None]
    if len({*names, *([by] if by else [])}) > 1:
        named = [*([f"--by {by}"] if by else []), *(f"--{name}" for name in names)]
        raise DatasetError(f"{' and '.join(named)} are different ways to split; give one of them")
    if by in ("group", "time") and not names:
        raise DatasetError(f"--by {by} needs the column: --{by} COLUMN")
    return by or (names[0] if names else "query")
