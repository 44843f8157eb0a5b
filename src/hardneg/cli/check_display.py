"""What `hardneg data check` prints."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from hardneg.data.findings import Check, Finding, Lengths
    from hardneg.data.rejections import Rejections
    from hardneg.errors import DatasetError

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def show_check(result: "Check") -> None:
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


def show_unreadable(
    dataset: str, error: "DatasetError", rejections: "Rejections", *, tolerate: bool, as_json: bool
) -> None:
    """Print all that is known of a dataset that cannot be read; nothing where the error says it all."""
    from dataclasses import asdict

    from rich.console import Console

    from hardneg.data.checks import unreadable

    found = unreadable(error, rejections, tolerate=tolerate)
    if as_json:
        told = {"dataset": dataset, "skipped": dict(rejections.counts), "findings": [asdict(each) for each in found]}
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif rejections.counts:
        _show_findings(Console(), found)


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
