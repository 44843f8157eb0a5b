"""What `hardneg audit` prints."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hardneg.cli.options import print_json, shown_place

if TYPE_CHECKING:
    from hardneg.audits.frontier import Frontier
    from hardneg.audits.planted import Audit
    from hardneg.audits.sampled import JudgedSample
    from hardneg.audits.unlabelled import Unlabelled

_GROUPS = 20  # a column such as the user has hundreds
_SHARES = ("contamination", "leakage", "retrieved", "coverage")


def show(
    found: "Audit | Frontier | JudgedSample | Path", *, as_json: bool, plot: Path | None = None, out: Path | None
) -> None:
    """Print the result of an audit, as tables or as one JSON object."""
    _show(found, as_json=as_json, plot=plot)
    if out is not None and not as_json:
        typer.echo(said(out))


def said(out: Path) -> str:
    """Say where a result was written, and what to do with it."""
    place = shown_place(out)
    return f"The result is in {place} too: `hardneg report {place}` shows it."


def _show(found: "Audit | Frontier | JudgedSample | Path", *, as_json: bool, plot: Path | None) -> None:
    from hardneg.audits.frontier import Frontier
    from hardneg.audits.planted import Audit

    if isinstance(found, Path):
        shown = {"kind": "sample", "path": str(found)}
        print_json(shown) if as_json else typer.echo(_how_to_fill_in(found))
    elif as_json:
        print_json(found.as_dict() | ({} if plot is None else {"plot": str(plot)}))
    elif isinstance(found, Frontier):
        _show_frontier(found, plot)
    elif isinstance(found, Audit):
        _show_audit(found)
    else:
        _show_judged(found)


def _how_to_fill_in(path: Path) -> str:
    place = shown_place(path)
    return (
        f"The sample is in {place}: write yes or no into 'answer', then `hardneg audit sample DATASET --read {place}`."
    )


def _show_audit(audit: "Audit") -> None:
    shown = audit.as_dict()
    hidden = "hidden answers" if audit.kind == "planted" else "answers that mining did not know"
    figures = _table(f"{shown['queries']:,} queries, {shown['hidden']:,} {hidden}", "measure", "value", "95 %", "what")
    for row in audit.frame().iter_rows(named=True):
        figures.add_row(row["measure"], *_cells(row["measure"], row), row["meaning"])
    if audit.unlabelled is not None:
        _add_estimate(figures, audit.unlabelled)
    sources = _table("By source", "source", "hidden found", "negatives", "hidden among them")
    for row in shown["sources"]:
        counts = (row["hidden_retrieved"], row["selected"], row["hidden_selected"])
        sources.add_row(row["source"], *(f"{number:,}" for number in counts))
    filters = _table("By filter", "filter", "hidden refused", "of those found", "others refused")
    for row in shown["filters"]:
        recall = _number("recall", row["recall"])
        filters.add_row(row["filter"], f"{row['hidden_refused']:,}", recall, f"{row['others_refused']:,}")
    tables = [figures, sources, filters]
    if shown["groups"]:
        largest = sorted(shown["groups"], key=lambda row: -row["queries"])[:_GROUPS]
        rest = len(shown["groups"]) - len(largest)
        title = f"By group, the {_GROUPS} largest; {rest:,} more with --json" if rest else "By group"
        groups = _table(title, "group", "queries", "contamination", "95 %", "leakage", "95 %")
        for row in largest:
            cells = [cell for name in ("contamination", "leakage") for cell in _cells(name, row, prefix=name)]
            groups.add_row(row["group"], f"{row['queries']:,}", *cells)
        tables.append(groups)
    _print(*tables, *audit.caveats, f"Scores are those of {audit.score}.")


def _add_estimate(table: Any, unlabelled: "Unlabelled") -> None:  # noqa: ANN401 - a Rich table
    """Add the estimates with unlabelled answers, below those that are certain."""
    for name, figure, meaning in (
        ("estimate", unlabelled.estimate, "contamination with the answers that nobody labelled"),
        ("labelled", unlabelled.labelled, "answers that were hidden, of all among the candidates"),
    ):
        table.add_row(name, *_cells("contamination", asdict(figure)), meaning)
    least = _number("contamination", unlabelled.estimate_max)
    table.add_row("estimate, e3", least, "", "the same, if the surest candidate is an answer for certain")


def _show_frontier(found: "Frontier", plot: Path | None) -> None:
    title = f"Over all queries, and over the {found.n_equal:,} that every compared setting covers"
    columns = ("filter", "setting", "coverage", "contamination", "leakage", "relative score", "rank")
    table = _table(title, *columns, "contamination, equal", "relative, equal")
    for row in found.frame().iter_rows(named=True):
        names = ("coverage", "contamination", "leakage", "relative", "rank")
        ends = ("equal_contamination", "equal_relative")
        cells = [_number(name.removeprefix("equal_"), row[name]) for name in (*names, *ends)]
        style = None if row["compared"] else "dim"
        table.add_row(row["filter"], row["setting"].partition("=")[2] or row["setting"], *cells, style=style)
    shown = found.as_dict()
    floor = f"Dim settings give fewer than {found.floor:.0%} of the queries their number; they are not compared."
    lines = [*shown["caveats"], floor, f"Scores are those of {shown['score']}."]
    _print(table, *lines, *([] if plot is None else [f"The plot is in {shown_place(plot)}."]))


def _show_judged(judged: "JudgedSample") -> None:
    figure = judged.contamination
    table = _table(f"Judged by {judged.judge}: {figure.n:,} negatives", "measure", "value", "95 %")
    table.add_row("contamination", *_cells("contamination", asdict(figure)))
    lines = [f"{judged.unjudged:,} were left open; the share holds if these are like the others."]
    _print(table, *(lines if judged.unjudged else []))


def _table(title: str, *columns: str) -> Any:  # noqa: ANN401 - Rich is imported when needed
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 or column in ("what", "setting") else "right")
    return table


def _print(*parts: object) -> None:
    from rich.console import Console

    console = Console()
    for part in parts:
        console.print(part, highlight=False)


def _cells(measure: str, row: dict[str, Any], *, prefix: str | None = None) -> tuple[str, str]:
    names = ("value", "low", "high") if prefix is None else (prefix, f"{prefix}_low", f"{prefix}_high")
    value, low, high = (_number(measure, row[name]) for name in names)
    return value, "" if row[names[0]] is None else f"{low} to {high}"


def _number(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    return (
        f"{value:.2%}" if measure in (*_SHARES, "recall") else f"{value:.1f}" if measure == "rank" else f"{value:.3f}"
    )
