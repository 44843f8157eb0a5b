"""`hardneg data questions`: training pairs from documents alone."""

from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, show_built
from hardneg.cli.consent import asking
from hardneg.cli.options import Json, Out, Quiet, Seed, SkipInvalid, Yes


def questions(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="DOCS...",
            help="Files of documents (JSONL, CSV, TSV, Parquet, .txt), Markdown files or folders of them, or datasets.",
        ),
    ],
    *,
    out: Out,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="title, heading or crop; may be repeated. All by default."),
    ] = None,
    writer: Annotated[
        str | None,
        typer.Option(
            help='A language model that writes queries too, as \'llm_writer(base_url="http://localhost:8000/v1", '
            'model="NAME")\'; see docs/data.md for its options.'
        ),
    ] = None,
    check_model: Annotated[
        str | None,
        typer.Option(help="Model that must find the text of a written query; BM25 looks for it if not given."),
    ] = None,
    keep_top: Annotated[int, typer.Option(min=1, help="Among how many best ones it must be found.")] = 10,
    yes: Yes = False,
    name: Annotated[str | None, typer.Option(help="Name of the dataset; by default that of OUT.")] = None,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for testing.")] = 0.2,
    dev_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for development.")] = 0.1,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build training pairs where there are no queries: title → text, heading → section, crops, or by a language model.

    What is measured on is also written by itself, to OUT/evaluation.
    """
    from hardneg.domains.documents import (
        KINDS,
        LLMWriter,
        questions_from,
        read_documents,
        usable_texts,
        write_questions,
    )
    from hardneg.sources import Dense

    refuse_taken(out)
    model = None if writer is None else LLMWriter.parse(writer)
    with asking(yes=yes, quiet=quiet or as_json) as agree:
        documents, skipped = read_documents(paths, skip_invalid=skip_invalid)
        if model is not None:
            agree([model.estimate(usable_texts(documents)["text"])])
        dealt = questions_from(
            documents,
            kinds=kinds or KINDS,
            writer=model,
            check=None if check_model is None else Dense(model=check_model),
            keep_top=keep_top,
            name=name or out.name,
            seed=seed or 0,
            test_share=test_share,
            dev_share=dev_share,
        )
        write_questions(dealt, out)
    counts = dealt.dataset.queries["kind"].value_counts(sort=True)
    show_built(
        dealt.dataset,
        out,
        as_json=as_json,
        more={"kinds": dict(counts.iter_rows()), "left_out": skipped, "notes": list(dealt.notes)},
        lines=[", ".join(f"{n:,} of kind {kind}" for kind, n in counts.iter_rows()), *dealt.notes],
    )
