"""`hardneg data questions`: training pairs from documents alone."""

from typing import Annotated

import typer

from hardneg.cli.built import refuse_taken, show_built
from hardneg.cli.display import progress
from hardneg.cli.options import Json, Out, Quiet, Seed, SkipInvalid


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
    name: Annotated[str | None, typer.Option(help="Name of the dataset; by default that of OUT.")] = None,
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for testing.")] = 0.2,
    dev_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the questions kept for development.")] = 0.1,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build training pairs where there are no queries: title → text, heading → section, and independent crops.

    What is measured on is also written by itself, to OUT/evaluation.
    """
    from hardneg.domains.documents import KINDS, questions_from, read_documents, write_questions

    refuse_taken(out)
    with progress(quiet=quiet or as_json):
        documents, skipped = read_documents(paths, skip_invalid=skip_invalid)
        dealt = questions_from(
            documents,
            kinds=kinds or KINDS,
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
