"""Writing a dataset that a command built, and saying what is in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hardneg.cli.options import shown_place
from hardneg.errors import DatasetError

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset


def refuse_taken(out: Path) -> None:
    """Refuse a folder that holds a dataset already, before one is built."""
    if out.exists() and not out.is_dir():
        raise DatasetError("is a file; -o names the folder to write to", path=out)
    if (out / "documents.parquet").exists():
        raise DatasetError("already holds a dataset; name another folder with -o, or delete this one", path=out)


def write_built(
    data: "Dataset",
    out: Path,
    *,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
    lines: Sequence[str] = (),
) -> None:
    """Write a dataset and print its counts."""
    data.write(out)
    show_built(data, out, as_json=as_json, more=more, lines=lines)


def show_built(
    data: "Dataset",
    out: Path,
    *,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
    lines: Sequence[str] = (),
) -> None:
    """Print the counts of a dataset that was written."""
    from hardneg.data.checks import split_counts

    counts = {split: split_counts(data, split) for split in data.splits}
    if as_json:
        summary = {
            "path": shown_place(out),
            "n_queries": data.n_queries,
            "n_documents": data.n_documents,
            "splits": {split: asdict(count) for split, count in counts.items()},
            "skipped": dict(data.skipped),
            **(more or {}),
        }
        typer.echo(json.dumps(summary, ensure_ascii=False))
        return
    typer.echo(f"{shown_place(out)}: {data.n_queries:,} queries, {data.n_documents:,} documents")
    for split, count in counts.items():
        typer.echo(f"  {split}: {count.queries:,} queries, {count.positives:,} positives")
    for reason, n in data.skipped.items():
        typer.echo(f"  skipped: {n:,} ({reason})")
    for line in lines:
        typer.echo(f"  {line}")
