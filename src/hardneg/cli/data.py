"""`hardneg data sections` and `hardneg data conversations`: datasets from documents of law and from chats."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, write_built
from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Out, Quiet, Seed, SkipInvalid, given


@reads_dataset
def sections(
    dataset: DatasetPath,
    *,
    out: Out,
    document: Annotated[
        str | None,
        typer.Option(help="Metadata column that names the act or contract; each document is one without."),
    ] = None,
    section: Annotated[
        str | None,
        typer.Option(help="Metadata column with the section number; headings are looked for without."),
    ] = None,
    max_words: Annotated[int, typer.Option(min=20, help="Cut longer sections.")] = 200,
    overlap: Annotated[int, typer.Option(min=0, help="Sentences that a piece takes over.")] = 1,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Cut legal documents into sections that know their document, path, parent and defined terms."""
    from hardneg import read_dataset
    from hardneg.domains.legal import by_section

    refuse_taken(out)
    with progress(quiet=quiet or as_json):
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        data = by_section(data, document=document, section=section, max_words=max_words, overlap=overlap)
    write_built(data, out, as_json=as_json)


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
            help="How a query is written: last, 'last_turns(k=3)', history or rewrite; last_turns(k=3) if new.",
        ),
    ] = None,
    documents: Annotated[
        Path | None, typer.Option(help="JSON Lines with _id and text, for labels that name ids.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the dataset; by default that of OUT.")] = None,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for testing.")] = 0.2,
    dev_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for development.")] = 0.1,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build a dataset whose queries have a history, or write those of a dataset in another form."""
    from hardneg.domains.conversation import read_in_form

    refuse_taken(out)
    with progress(quiet=quiet):
        data, mapping = read_in_form(
            files,
            skip_invalid=skip_invalid,
            documents=documents,
            name=name or out.name,
            seed=seed or 0,
            test_share=test_share,
            dev_share=dev_share,
            **given(form=form),
        )
    more = None if mapping is None else {"mapping": mapping.as_dict()}
    write_built(data, out, as_json=as_json, more=more, lines=() if mapping is None else mapping.lines())
