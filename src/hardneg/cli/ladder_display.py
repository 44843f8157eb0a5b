"""What a ladder looks like in a terminal: its plan, its progress and its result."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hardneg.cli.options import shown_places
from hardneg.errors import Interrupted, RecipeError
from hardneg.progress import duration

if TYPE_CHECKING:
    from rich.table import Table

    from hardneg.ladders.ladder import Ready, Turn
    from hardneg.ladders.plan import LadderPlan, Task

_WIDTH = 116  # of the widest table; a terminal that has less gets fewer columns
_COMPARED = ("", "difference", "95 % interval", "p", "corrected", "better", "same", "worse")
_DOING = {
    "retrieve": "searching for candidates",
    "mine": "mining",
    "score": "asking the teacher",
    "climb": "climbing",
    "test": "testing",
}


def agree(ready: "Ready", *, yes: bool, quiet: bool) -> None:
    """Show what will be done and for how long, and go on only if that was agreed to."""
    asks = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    bills = ready.bills()
    if not quiet or asks:
        show_plan(ready.plan)
        for each in bills:
            typer.echo(f"hardneg: {each}", err=True)
    if yes:
        return
    if not asks:
        whole = f"the ladder will take about {duration(sum(ready.plan.estimates.values()))}"
        raise RecipeError(f"{'; '.join([whole, *map(str, bills)])}. Nothing was begun: add --yes to climb")
    typer.echo("hardneg: climb? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Interrupted("the ladder was not begun")


def show_plan(plan: "LadderPlan") -> None:
    """Draw the plan on stderr: a line a rung, and what is to be known before."""
    from rich.console import Console
    from rich.table import Table

    from hardneg.ladders.budget import overview

    trainings = f"{len(plan.seeds)} training{'s' if len(plan.seeds) > 1 else ''}"
    table = Table(title=f"The plan: {trainings} of each rung", title_justify="left")
    for column in ("rung", "", "steps", "shared work", "own work"):
        table.add_column(column, justify="left" if column in ("rung", "") else "right", no_wrap=column == "rung")
    for row in overview(plan):
        steps = f"{row['steps']:,}" if row["steps"] else ""
        shared = duration(row["shared_s"]) if row["shared_s"] else ""
        table.add_row(row["name"], row["about"], steps, shared, duration(row["own_s"]))
    console = Console(stderr=True)
    console.print(table)
    for line in notes(plan):
        console.print(shown_places(line), highlight=False)


def notes(plan: "LadderPlan") -> list[str]:
    """List what is to be known before climbing."""
    lines = [f"Left out: {name}: {why}." for name, why in plan.left_out.items()]
    if plan.splits.dev is None:
        tuned = "; --tune is not followed" if plan.tune else ""
        lines.append(f"There is no split for development, so nothing is tuned{tuned}, and no rung is recommended.")
    lines += [
        f"{count:,} queries of {plan.splits.test!r} are in {split!r} too: what the test says of them proves nothing."
        for split, count in plan.shared_queries.items()
    ]
    lines.append(f"In all about {duration(sum(plan.estimates.values()))}; shared work is done once for all rungs.")
    return lines


def announce(*, quiet: bool) -> "Callable[[Turn], None]":
    """Give what says on stderr which task has its turn; it says nothing if asked to be quiet."""

    def say(turn: "Turn") -> None:
        if not quiet:
            typer.echo(f"[{turn.number}/{turn.total}] {_named(turn.task)}", err=True)

    return say


def _named(task: "Task") -> str:
    about = task.rung if task.kind in ("climb", "test") else f"{task.id.partition('-')[2]}, first for {task.rung}"
    return f"{_DOING[task.kind]}: {about}"


def show_ladder(found: Mapping[str, Any]) -> None:
    """Print the result: the rungs, the comparisons, and what to make of them."""
    from rich.console import Console

    from hardneg.evaluation.excluding import told_in

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _WIDTH))  # nobody knows how wide a file is shown
    narrow = console.width < _WIDTH
    console.print(_rungs(found, narrow=narrow))
    if found["comparisons"]:
        console.print(comparisons(found, narrow=narrow))
    excluded = told_in(Path(found["folder"]) / "rungs") if found.get("folder") else ""
    for line in (*([excluded] if excluded else []), *verdicts(found)):
        console.print(shown_places(line), highlight=False)


def _rungs(found: Mapping[str, Any], *, narrow: bool) -> "Table":
    measure, counts = found["measure"], found["dataset"]
    seeds = f", seeds {', '.join(map(str, found['seeds']))}" if found["seeds"] else ""
    table = _table(f"{measure} on {counts['name']}: {counts['test_queries']:,} queries{seeds}", narrow=narrow)
    for head in (
        "rung",
        "dev",
        "test",
        "seconds",
        "peak memory",
        *(() if narrow else ("teacher calls",)),
        "gain a minute",
    ):
        table.add_column(head, justify="left" if head == "rung" else "right", no_wrap=head in ("rung", "test"))
    for rung in found["rungs"]:
        cells = _cells(rung, measure)
        table.add_row(rung["name"], *(cells[:-2] + cells[-1:] if narrow else cells))
    return table


def _table(title: str, *, narrow: bool) -> "Table":
    from rich import box
    from rich.table import Table

    shape = box.SIMPLE_HEAD if narrow else box.HEAVY_HEAD
    return Table(title=title, title_justify="left", box=shape, pad_edge=not narrow)


def _cells(rung: Mapping[str, Any], measure: str) -> list[str]:
    if rung["test"] is None:
        return ["", rung["state"], "", "", "", ""]
    test, dev, cost = rung["test"][measure], rung["dev"], rung["cost"]
    spread = "" if test["sd"] is None else f" ± {test['sd']:.4f}"
    rate = rung["gain_per_minute"]
    return [
        "" if dev is None else f"{dev[measure]['value']:.4f}",
        f"{test['value']:.4f}{spread}",
        f"{cost['seconds']:,.0f}" if rung["trained"] else "",
        f"{cost['peak_gb']:.2f} GB" if rung["trained"] else "",
        f"{cost['teacher_calls']:,}" if cost["teacher_calls"] else "",
        "" if rate is None else f"{rate:+.4f}",
    ]


def comparisons(found: Mapping[str, Any], *, narrow: bool = False) -> "Table":
    """Draw the comparisons of a ladder or of runs; a narrow table has the corrected p-values only."""
    correction = found["correction"]
    number = f"{correction['n']} comparison{'s' if correction['n'] > 1 else ''}"
    table = _table(f"Query by query, corrected for {number} (Holm)", narrow=narrow)
    left_out = ("p", "same") if narrow else ()
    for head in _COMPARED:
        if head not in left_out:
            table.add_column(head, justify="left" if not head else "right", no_wrap=bool(head))
    for one in found["comparisons"]:
        mark = " *" if one["p_corrected"] <= correction["level"] else ""
        row = {
            "": f"{one['after']} - {one['before']}",
            "difference": f"{one['difference']:+.4f}{mark}",
            "95 % interval": f"[{one['low']:+.4f}, {one['high']:+.4f}]",
            "p": f"{one['p_value']:.4f}",
            "corrected": f"{one['p_corrected']:.4f}",
            **{head: f"{one[key]:,}" for head, key in (("better", "wins"), ("same", "ties"), ("worse", "losses"))},
        }
        table.add_row(*(text for head, text in row.items() if head not in left_out))
    return table


def verdicts(found: Mapping[str, Any]) -> list[str]:
    """Say what follows, and what failed."""
    lines = [f"{rung['name']} failed: {rung['message']}" for rung in found["rungs"] if rung["state"] == "failed"]
    lines += [f"{name} was left out: {why}" for name, why in found["left_out"].items()]
    lines += [
        f"{rung['name']} trained on {rung['found_positives']:,} answers that its filter found, besides the labels."
        for rung in found["rungs"]
        if rung.get("found_positives")
    ]
    best = found["best_on_dev"]
    if best is not None:
        lines.append(f"Best on the development split: {best}.")
        place = Path(found["folder"] or "") / "best"
        if found["folder"] and place.is_dir():
            lines.append(f"Its model of the first seed and its recipe are in {place}")
    lines += [
        f"{count:,} test queries are in {split!r} too: the table is no proof."
        for split, count in found["dataset"]["shared_queries"].items()
    ]
    if any(rung["state"] == "failed" for rung in found["rungs"]):
        lines.append("The same command tries again what failed.")
    return [*lines, *([f"Everything is in {found['folder']}"] if found["folder"] else [])]
