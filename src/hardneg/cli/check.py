"""`hardneg data check`: what is in a dataset, and what may be wrong with it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Quiet, SkipInvalid

if TYPE_CHECKING:
    from rich.console import Console

    from hardneg.data.checks import UnreadableError
    from hardneg.data.findings import Check, Finding, Lengths

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


@reads_dataset
def check(
    dataset: DatasetPath,
    *,
    model: Annotated[str | None, typer.Option(help="Count lengths in the tokens of this model, not in words.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Length beyond which a text counts as long.")] = 256,
    skip_invalid: SkipInvalid = False,
    as_json: Json = False,
    quiet: Quiet = False,
    layout: Layout,
) -> None:
    """Report counts and findings of a dataset; exit with 1 if some finding is an error.

    Rows that cannot be used are an error; with --skip-invalid, a warning. A dataset that cannot be read without them
    either is refused with exit code 2, after all of them were listed.
    """
    from hardneg import check as check_dataset
    from hardneg.data.checks import UnreadableError

    with progress(quiet=quiet):
        try:
            result = check_dataset(
                dataset, mapping=layout, model=model, max_tokens=max_tokens, skip_invalid=skip_invalid
            )
        except UnreadableError as error:
            _show_unreadable(dataset, error, as_json=as_json)
            raise
    if as_json:
        typer.echo(json.dumps(result.as_dict(), ensure_ascii=False))
    else:
        _show(result)
    raise typer.Exit(1 if result.has_errors else 0)


def _show(result: "Check") -> None:
    """Print counts, lengths and findings."""
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
    _show_findings(console, result.findings)
    if not result.findings:
        console.print("no findings")


def _show_unreadable(dataset: str, error: "UnreadableError", *, as_json: bool) -> None:
    """Print all that is known of a dataset that cannot be read; nothing where the error says it all."""
    if as_json:
        findings = [asdict(each) for each in error.findings]
        report = {"dataset": dataset, "skipped": error.skipped, "findings": findings}
        typer.echo(json.dumps(report, ensure_ascii=False))
    elif error.skipped:
        from rich.console import Console

        _show_findings(Console(), error.findings)


def _show_findings(console: "Console", findings: "Sequence[Finding]") -> None:
    from rich.markup import escape

    for finding in findings:
        console.print(f"[{_COLOURS[finding.severity]}]{finding.code} {finding.severity}[/] [bold]{finding.title}[/]")
        for line in (
            finding.detail,
            *(f"e.g. {example}" for example in finding.examples),
            f"→ {finding.remedy}",
        ):
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)


def _length(lengths: "Lengths") -> str:
    middle = f"median {lengths.median:.0f}, 95th percentile {lengths.p95:.0f}, longest {lengths.longest:,}"
    return f"{middle} {lengths.unit}; {lengths.share_long:.1%} above {lengths.limit}"
