"""`hardneg data`: build and check datasets."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.display import progress
from hardneg.cli.layout_options import reads_dataset
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, Seed, SkipInvalid
from hardneg.data.layout import Layout

if TYPE_CHECKING:
    from hardneg.data.findings import Check, Lengths
    from hardneg.data.rejections import Rejections
    from hardneg.errors import DatasetError

data_app = typer.Typer(help="Build and check datasets.", no_args_is_help=True)


@data_app.command("check")
@reads_dataset
def check(
    dataset: DatasetPath,
    *,
    model: Annotated[
        str | None, typer.Option("--model", help="Count lengths in the tokens of this model, not in words.")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Length beyond which a text counts as long.")
    ] = 256,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Report counts and findings of a dataset; exit with 1 if some finding is an error.

    Rows that cannot be used are an error; with --skip-invalid, a warning.
    """
    from hardneg.data.checks import check_dataset
    from hardneg.data.reading import read_reporting
    from hardneg.data.rejections import Rejections
    from hardneg.data.token_lengths import token_lengths
    from hardneg.errors import DatasetError
    from hardneg.models.resolve import resolve_model

    place = None if model is None else resolve_model(model)
    rejections = Rejections(skip=True)
    with progress(quiet=quiet):
        try:
            data = read_reporting(dataset, rejections, layout=layout)
        except DatasetError as error:
            _show_unreadable(error, rejections, as_json=as_json)
            raise typer.Exit(2) from error
        lengths = place and (
            token_lengths(data.query_texts, place),
            token_lengths(data.document_texts, place),
        )
        result = check_dataset(
            data,
            rejections=rejections,
            tolerate_skipped=skip_invalid,
            lengths=lengths or None,
            unit="words" if model is None else f"tokens of {model}",
            max_tokens=max_tokens,
        )
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    else:
        _show(result)
    raise typer.Exit(1 if result.has_errors else 0)


@data_app.command("sections")
@reads_dataset
def sections(
    dataset: DatasetPath,
    *,
    out: Out,
    document: Annotated[
        str | None,
        typer.Option(
            "--document", help="Metadata column that names the act or contract; each document is one without."
        ),
    ] = None,
    section: Annotated[
        str | None,
        typer.Option("--section", help="Metadata column with the section number; headings are looked for without."),
    ] = None,
    max_words: Annotated[int, typer.Option("--max-words", min=20, help="Cut longer sections.")] = 200,
    overlap: Annotated[int, typer.Option("--overlap", min=0, help="Sentences that a piece takes over.")] = 1,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Cut legal documents into sections that know their document, path, parent and defined terms."""
    from hardneg.data.reading import read_dataset
    from hardneg.data.sectioning import by_section

    refuse_taken(out)
    with progress(quiet=quiet or as_json):
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        data = by_section(data, document=document, section=section, max_words=max_words, overlap=overlap)
    write_built(data, out, as_json=as_json)


@data_app.command("pairs")
@reads_dataset
def pairs(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pairs or triples: JSONL, CSV, TSV or Parquet.")],
    *,
    out: Out,
    test_share: Annotated[
        float | None,
        typer.Option("--test-share", min=0, max=1, help="Share of the queries kept for testing."),
    ] = None,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Build a dataset from pairs or triples; ids are hashes of the texts."""
    from hardneg.data.reading import read_dataset
    from hardneg.data.splitting import held_out

    refuse_taken(out)
    with progress(quiet=quiet):
        data = read_dataset(file, mapping=layout, skip_invalid=skip_invalid)
        if test_share:
            data = held_out(data, test_share=test_share, seed=seed or 0)
    write_built(data, out, as_json=as_json)


@data_app.command("conversations")
def conversations(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Chats (JSON Lines or a JSON list), DSTC's logs, labels and knowledge, or one dataset with a history.",
        ),
    ],
    *,
    out: Out,
    form: Annotated[
        str | None,
        typer.Option(
            "--form",
            help="How a query is written: last, 'last_turns(k=3)', history or rewrite; last_turns(k=3) if new.",
        ),
    ] = None,
    documents: Annotated[
        Path | None, typer.Option("--documents", help="JSON Lines with _id and text, for labels that name ids.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the dataset; by default that of OUT.")] = None,
    test_share: Annotated[
        float, typer.Option("--test-share", min=0, max=1, help="Share of the questions kept for testing.")
    ] = 0.2,
    dev_share: Annotated[
        float, typer.Option("--dev-share", min=0, max=1, help="Share of the questions kept for development.")
    ] = 0.1,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a dataset whose queries have a history, or write those of a dataset in another form."""
    from hardneg.data.conversations import (
        DEFAULT_FORM,
        in_conversation_form,
        is_conversation_file,
        read_conversations,
    )
    from hardneg.data.reading import read_dataset
    from hardneg.data.rejections import Rejections

    refuse_taken(out)
    mapping = None
    with progress(quiet=quiet):
        if len(files) == 1 and not is_conversation_file(Path(files[0])):
            data, mapping = in_conversation_form(
                read_dataset(files[0], skip_invalid=skip_invalid), form or DEFAULT_FORM
            )
        else:
            data = read_conversations(
                files,
                documents=documents,
                form=form or DEFAULT_FORM,
                name=name or out.name,
                seed=seed or 0,
                test_share=test_share,
                dev_share=dev_share,
                rejections=Rejections(skip=skip_invalid),
            )
    more = None if mapping is None else {"mapping": mapping.as_dict()}
    write_built(data, out, as_json=as_json, more=more, lines=() if mapping is None else mapping.lines())


def _show_unreadable(error: "DatasetError", rejections: "Rejections", *, as_json: bool) -> None:
    """Say why nothing could be read, after all that could not be used on the way there."""
    counts, examples = dict(rejections.counts), dict(rejections.examples)
    if as_json:
        typer.echo(json.dumps({"error": str(error), "skipped": counts, "examples": examples}, ensure_ascii=False))
    for reason, count in counts.items():
        typer.echo(f"hardneg: {reason}: {count:,}", err=True)
        for example in examples.get(reason, []):
            typer.echo(f"    {example}", err=True)
    typer.echo(f"hardneg: {error}", err=True)


def _show(result: "Check") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    queries = f"{result.n_queries:,} queries ({result.labelled_queries:,} with a positive)"
    documents = f"{result.n_documents:,} documents ({result.labelled_documents:,} with a label)"
    console.print(f"[bold]{escape(result.dataset)}[/]: {queries}, {documents}")
    table = Table("split", *("queries", "positives", "judged negatives", "mean positives", "most"))
    for split, count in result.splits.items():
        numbers = (f"{count.queries:,}", f"{count.positives:,}", f"{count.judged_negatives:,}")
        table.add_row(escape(split), *numbers, f"{count.mean_positives:.2f}", f"{count.most_positives:,}")
    console.print(table)
    for line in result.mapping.lines() if result.mapping else []:
        console.print(escape(line), highlight=False, soft_wrap=True)
    console.print(f"length of queries: {_length(result.query_lengths)}")
    console.print(f"length of documents: {_length(result.document_lengths)}")
    colours = {"error": "red", "warning": "yellow", "info": "cyan"}
    for finding in result.findings:
        console.print(f"[{colours[finding.severity]}]{finding.code} {finding.severity}[/] [bold]{finding.title}[/]")
        for line in (
            finding.detail,
            *(f"e.g. {example}" for example in finding.examples),
            f"→ {finding.remedy}",
        ):
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
    if not result.findings:
        console.print("no findings")


def _length(lengths: "Lengths") -> str:
    middle = f"median {lengths.median:.0f}, 95th percentile {lengths.p95:.0f}, longest {lengths.longest:,}"
    return f"{middle} {lengths.unit}; {lengths.share_long:.1%} above {lengths.limit}"
