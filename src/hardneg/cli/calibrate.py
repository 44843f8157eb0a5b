"""`hardneg calibrate`: the filter to use for a leakage budget, as lines of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.audit_display import said
from hardneg.cli.consent import asking
from hardneg.cli.options import Json, Quiet, ResultsIn, Yes, print_json
from hardneg.cli.recipe_options import MiningOptions, says_mining

if TYPE_CHECKING:
    from hardneg.verbs.calibrate import Calibration


@says_mining(without=("filter", "block_size"))
def calibrate(
    budget: Annotated[
        float, typer.Option(help="Largest share of the answers that may end up as negatives, above 0 and below 1.")
    ] = 0.01,
    seeds: Annotated[int, typer.Option(min=1, help="Plantings, each with another seed.")] = 3,
    max_queries: Annotated[int, typer.Option(min=1, help="Plant in so many queries at most.")] = 1_000,
    floor: Annotated[float, typer.Option(help="Least share of the queries that must get their number.")] = 0.9,
    scorer: Annotated[str | None, typer.Option(help="Try a teacher too: 'cross_encoder(model=\"…\")'.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the frontier: an .svg or .html file.")] = None,
    out: ResultsIn = None,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    mining: MiningOptions,
) -> None:
    """Find the filter that gives the hardest negatives for the share of answers that you accept among them.

    Hides labelled positives, tries the known filters and the learned one, and prints the recipe lines of the best.
    """
    from hardneg.verbs.audit import check_settings
    from hardneg.verbs.calibrate import calibrate as find
    from hardneg.verbs.calibrate import check_budget

    check_budget(budget)
    check_settings("calibrate", floor=floor, plot=plot)
    with asking(yes=yes, quiet=quiet or json) as agree:
        result = find(
            mining.read(),
            budget=budget,
            recipe=mining.recipe,
            seeds=seeds,
            max_queries=max_queries,
            floor=floor,
            scorer=scorer,
            plot=plot,
            out=out,
            agree=agree,
        )
    if json:
        print_json(result.as_dict())
    else:
        _show(result)
        if out is not None:
            typer.echo(said(out))


def _show(found: "Calibration") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Settings within a leakage of {found.budget:g} are marked *", title_justify="left")
    for column in ("", "filter", "setting", "leakage", "contamination ≥", "rank", "score", "coverage"):
        table.add_column(column, justify="left" if column in ("", "filter", "setting") else "right", overflow="fold")
    for row in found.frame().iter_rows(named=True):
        mark = "*" if row["within"] else ""
        figures = [_figure(row[name], digits) for name, digits in _DIGITS.items()]
        table.add_row(mark, escape(row["filter"]), escape(row["setting"]), *figures)
    console = Console()
    console.print(table)
    console.print(
        "Leakage: share of the hidden answers that were selected; it speaks for unlabelled ones as far as labels are "
        "missing at random.\nContamination is a lower bound: it counts the hidden answers alone."
    )
    if found.best is None:
        console.print("No setting keeps the budget. Accept more, add a teacher, or mine deeper.")
    else:
        console.print("\nThe hardest negatives within the budget, as lines of a recipe:\n")
        console.print(found.recipe, markup=False, highlight=False)


_DIGITS = {"leakage": 4, "contamination": 4, "rank": 1, "score": 3, "coverage": 3}


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
