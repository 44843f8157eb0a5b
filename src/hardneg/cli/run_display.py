"""What `hardneg run` prints: counts, quality, costs, and what was noticed on the way."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from hardneg.cli.display import own_negatives_line, show_findings
from hardneg.cli.options import shown_place
from hardneg.runs import layout
from hardneg.runs.cost import row_cost

if TYPE_CHECKING:
    from rich.table import Table

    from hardneg.pipeline.run import Result

_SHOWN = ("nDCG@10", "MRR@10", "Recall@100")  # of the usual five
_COLUMNS = 4


def show_run(result: "Result") -> None:
    """Print the tables, and say on stderr what was noticed and where the dataset's own negatives served."""
    from rich.console import Console

    from hardneg.evaluation.excluding import told_in

    console, report, folder = Console(), result.as_dict(), shown_place(result.folder)
    console.print(_counts(report, result.verdicts))
    console.print(_quality(report, title="Quality on the test queries, and what it cost"))
    for line in filter(None, (told_in(result.folder), *_verdicts(report))):
        console.print(line)
    for name, rows in report.get("further", {}).items():
        console.print(_quality({**report, "rows": rows}, title=f"Quality on the test queries of {name}"))
    console.print(_costs(report))
    console.print(
        f"Everything is in {folder}; the trained model is {folder}/model, and {folder}/{layout.REPORT} shows it all."
    )
    if result.dealt:
        typer.echo(f"hardneg: {result.dealt}", err=True)
    for row, n_own in result.manifest.get("own_negatives", {}).items():
        typer.echo(f"hardneg: {row} was {own_negatives_line(n_own)}; own_negatives = false leaves them out", err=True)
    for name, watched in result.watched.items():
        typer.echo(f"hardneg: {name}: {watched}", err=True)
    show_findings(result.findings)


def _counts(found: dict[str, Any], verdicts: Mapping[str, str]) -> str:
    counts = found["counts"]
    mined = found.get("mined") or ({"": found} if "funnel" in found else {})
    return (
        f"\n{counts['documents']:,} documents, {counts['train_pairs']:,} training pairs, "
        f"{counts['test_queries']:,} test queries\n"
    ) + "".join(
        (f"{name}: " if name else "")
        + _candidates(each["funnel"])
        + (f"{verdicts[name]}\n" if name in verdicts else "")
        for name, each in mined.items()
    )


def _candidates(funnel: dict[str, Any]) -> str:
    dropped = ", ".join(f"{count:,} by {name}" for name, count in funnel["dropped"].items()) or "none"
    return (
        f"{funnel['candidates']:,} candidates for {funnel['queries']:,} queries; refused: {dropped}; "
        f"{funnel['selected']:,} negatives, {funnel['short_queries']:,} queries short\n"
    )


def _quality(found: dict[str, Any], *, title: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(name for row in found["rows"].values() for name in row))
    columns = _SHOWN if len(names) > _COLUMNS and set(_SHOWN) <= set(names) else names
    for column in ("", *columns, "wall time", "peak memory"):
        table.add_column(column, justify="left" if not column else "right")
    for name, measures in found["rows"].items():
        cost = row_cost(name, found["stages"], found["chain"])
        cells = [_figure(measures[measure]) if measure in measures else "" for measure in columns]
        table.add_row(name.replace("_", "-"), *cells, f"{cost.wall_s:,.0f} s", f"{cost.peak_gb:.2f} GB")
    return table


def _figure(measure: dict[str, Any]) -> str:
    spread = f" ± {measure['sd']:.4f}" if measure["sd"] is not None else ""
    return f"{measure['value']:.4f}{spread}"


def _verdicts(found: dict[str, Any]) -> list[str]:
    lines, last = [], found["chain"][-1]
    for pair, one in found["comparisons"].items():
        if pair.startswith(f"{last} - "):
            other = pair.removeprefix(f"{last} - ").replace("_", "-")
            lines.append(
                f"{last.replace('_', '-')} against {other}: {one['difference']:+.4f} {one['metric']}, 95 % interval "
                f"[{one['low']:+.4f}, {one['high']:+.4f}], p = {one['p_value']:.4f}; "
                f"{one['wins']} queries better, {one['losses']} worse"
            )
    return lines


def _costs(found: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(title="Cost of each stage", title_justify="left")
    for column in ("stage", "wall time", "peak memory"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, cost in found["stages"].items():
        table.add_row(stage, f"{cost['wall_s']:,.1f} s", f"{cost['peak_gb']:.2f} GB")
    return table
