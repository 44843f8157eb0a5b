"""What a fit looks like in a terminal: what it finds as it goes on, and its result."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hardneg.cli.display import Pause, show_findings
from hardneg.cli.options import shown_places
from hardneg.progress import duration
from hardneg.runs import layout

if TYPE_CHECKING:
    from hardneg.data.findings import Check
    from hardneg.fits.fitting import Watched
    from hardneg.fits.schedule import Schedule


def watching(pause: Pause, *, quiet: bool) -> "Watched":
    """Give what says on stderr how a fit goes on; it says nothing if asked to be quiet."""
    from hardneg.fits.fitting import Watched

    if quiet:
        return Watched()

    def checked(result: "Check") -> None:
        with pause():
            show_findings([one for one in result.findings if one.severity != "info"])

    def note(text: str) -> None:
        with pause():
            typer.echo(f"hardneg: {text}", err=True)

    def schedule(plan: "Schedule") -> None:
        with pause():
            _show_schedule(plan)

    def round_(one: Mapping[str, Any], measure: str) -> None:
        with pause():
            _show_round(one, measure)

    def known(what: Mapping[str, Any], measure: str) -> None:
        with pause():
            for line in _known(what, measure):
                typer.echo(f"hardneg: {line}", err=True)

    return Watched(checked, note, known, schedule, round_)


def _known(what: Mapping[str, Any], measure: str) -> list[str]:
    values = ", ".join(f"{name} {value:.4f}" for name, value in what["systems"].items())
    lines = [f"before any training, {measure} on the development queries of the race: {values}"]
    audit = what["audit"] or "so nothing can be hidden to audit the negatives"
    return [*lines, f"{what['positives_per_query']:.2f} answers a query; {audit}"]


def _show_schedule(plan: "Schedule") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="The plan", title_justify="left")
    for column in ("", "", "trainings", "steps", "about"):
        table.add_column(column, justify="right" if column else "left")
    for part in plan.stretches:
        counts = (f"{part.trainings}" if part.trainings else "", f"{part.steps:,}" if part.steps else "")
        table.add_row(part.name, part.about, *counts, duration(part.seconds))
    console = Console(stderr=True)
    console.print(table)
    if plan.left_out:
        console.print(f"Left out, for want of time: {', '.join(plan.left_out)}.", highlight=False)
    within = "" if plan.budget_s is None else f", of {duration(plan.budget_s)} that it may take"
    console.print(f"In all about {duration(plan.seconds)}{within}.", highlight=False)
    if plan.budget_s is not None and plan.seconds > plan.budget_s:
        console.print("That is more than it may take: the race ends when the time is up.", highlight=False)


def _show_round(one: Mapping[str, Any], measure: str) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Round {one['name']}", title_justify="left")
    for column in ("", "rate", "steps", measure, "p to the best", "seconds", "on"):
        table.add_column(column, justify="right" if column else "left", no_wrap=not column)
    for row in one["standings"]:
        p = "" if row["p_value"] is None else f"{row['p_value']:.3f}"
        cells = (f"{row['rate']:g}", f"{row['steps']:,}", f"{row['value']:.4f}", p, f"{row['seconds']:,.0f}")
        table.add_row(row["strategy"], *cells, "yes" if row["goes_on"] else "")
    Console(stderr=True).print(table)


def show_fit(found: Mapping[str, Any], folder: Path) -> None:
    """Print the result: what won and why, the test, and what would help next."""
    from rich.console import Console
    from rich.table import Table

    console, measure, choice = Console(), found["measure"], found["choice"]
    if not console.is_terminal:
        console = Console(width=max(console.width, 110))
    rows, comparisons = found["test"]["rows"], found["test"]["comparisons"]
    n = next(iter(rows.values()))[measure]["n"]
    table = Table(title=f"{measure} on {n:,} test queries, measured once", title_justify="left")
    for column in ("", measure, "95 % interval", "gain of the winner", "p"):
        table.add_column(column, justify="right" if column else "left")
    for name, row in rows.items():
        one, against = row[measure], comparisons.get(name)
        gain = (
            "" if against is None else f"{against['difference']:+.4f} [{against['low']:+.4f}, {against['high']:+.4f}]"
        )
        cells = (f"{one['value']:.4f}", f"[{one['low']:.4f}, {one['high']:.4f}]", gain)
        table.add_row(name, *cells, "" if against is None else f"{against['p_value']:.4f}")
    console.print(table)
    lines = [f"{choice['strategy']} is handed over: {choice['reason']}.", *_left_out(found), "What would help next:"]
    lines += [f"{at}. {each['what']} ({each['why']})" for at, each in enumerate(found["next_steps"], start=1)]
    lines.append(
        f"The model is {folder / 'model'}, with a card; {folder / layout.REPORT} shows how it was found. "
        f"It took {duration(sum(found['seconds'].values()))}: "
        f"{', '.join(f'{name} {duration(seconds)}' for name, seconds in found['seconds'].items())}."
    )
    for line in lines:
        console.print(shown_places(line), highlight=False, soft_wrap=True)


def _left_out(found: Mapping[str, Any]) -> list[str]:
    names: dict[str, list[str]] = {}
    for name, why in found["left_out"].items():
        names.setdefault(why, []).append(name)
    return [f"Not raced to the end: {', '.join(those)}: {why}." for why, those in names.items()]
