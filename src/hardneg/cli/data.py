"""`hardneg data`: build and check datasets."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.check_display import show_check, show_unreadable
from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, Seed, SkipInvalid

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

    Rows that cannot be used are an error; with --skip-invalid, a warning. A dataset that cannot be read without them
    either is refused with exit code 2, after all of them were listed.
    """
    from hardneg.data.checks import check_dataset
    from hardneg.data.reading import read_reporting
    from hardneg.data.rejections import Rejections
    from hardneg.data.token_lengths import token_lengths
    from hardneg.errors import DatasetError
    from hardneg.models.given import resolve_model

    place = None if model is None else resolve_model(model)
    rejections = Rejections(skip=True)
    with progress(quiet=quiet):
        try:
            data = read_reporting(dataset, rejections, layout=layout)
        except DatasetError as error:
            show_unreadable(dataset, error, rejections, tolerate=skip_invalid, as_json=as_json)
            raise
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
        show_check(result)
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
    from hardneg.domains.legal.sections import by_section

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
    from hardneg.data.reading import read_dataset
    from hardneg.data.rejections import Rejections
    from hardneg.domains.conversation.build import (
        DEFAULT_FORM,
        in_conversation_form,
        is_conversation_file,
        read_conversations,
    )

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
