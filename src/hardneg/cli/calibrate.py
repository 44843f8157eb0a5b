"""`hardneg calibrate`: the filter to use for a leakage budget, as lines of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.audit_display import said
from hardneg.cli.consent import consent
from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Preset, Quiet, ResultsIn, Seed, SkipInvalid, Yes
from hardneg.cli.recipe_options import check_floor, read_recipe, read_scorer

if TYPE_CHECKING:
    from hardneg.audits.calibrate import Calibration


@reads_dataset
def calibrate(
    dataset: DatasetPath,
    budget: Annotated[
        float, typer.Option(help="Largest share of the answers that may end up as negatives, above 0 and below 1.")
    ] = 0.01,
    split: Annotated[
        str | None, typer.Option(help="Calibrate on the queries with a positive in this split; train if not given.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Take sources, filters and selection from a recipe.")] = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="Model of dense sources that name none.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="A source, as for `hardneg mine`. Repeat for more.")] = None,
    per_query: Annotated[int | None, typer.Option(min=1, help="Negatives for each query; 4 if not given.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Candidates of each source; 100 if not given.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Plantings, each with another seed.")] = 3,
    max_queries: Annotated[int, typer.Option(min=1, help="Plant in so many queries at most.")] = 1_000,
    floor: Annotated[float, typer.Option(help="Least share of the queries that must get their number.")] = 0.9,
    scorer: Annotated[str | None, typer.Option(help="Try a teacher too: 'cross_encoder(model=\"…\")'.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the frontier: an .svg or .html file.")] = None,
    out: ResultsIn = None,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Find the filter that gives the hardest negatives for the share of answers that you accept among them.

    Hides labelled positives, tries the known filters and the learned one, and prints the recipe lines of the best.
    """
    from hardneg.audits.calibrate import at_most_half, plans_to_try
    from hardneg.audits.calibrate import calibrate as find
    from hardneg.audits.plot import check_plot
    from hardneg.costs.bills import audit_bills
    from hardneg.data.reading import read_dataset
    from hardneg.errors import RecipeError
    from hardneg.planting.planting import plant_each
    from hardneg.recipe.plan import plan_of
    from hardneg.runs.audits import write_audit
    from hardneg.runs.record import recording

    if not 0 < budget < 1:
        raise RecipeError(f"calibrate: --budget is {budget}; set it above 0 and below 1")
    check_floor(floor, "calibrate")
    if plot is not None:
        check_plot(plot)
    whole = read_recipe(
        dataset,
        recipe=recipe,
        preset=preset,
        model=model,
        source=source,
        per_query=per_query,
        seed=seed,
        split=split,
        depth=depth,
    )
    plan = plan_of(whole, seed=whole.seed)
    teacher = None if scorer is None else read_scorer(scorer)
    with progress(quiet=quiet or json) as pause, recording(out, "calibrate"):
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        planting: dict[str, Any] = {
            "seeds": range(plan.seed, plan.seed + seeds),
            "max_queries": at_most_half(data, plan, max_queries),
        }
        plans = plans_to_try(plan, budget=budget, teacher=teacher)
        consent(audit_bills(data, plans.values(), plant_each(data, plan.split, **planting)), yes=yes, pause=pause)
        found = find(data, plan, budget=budget, teacher=teacher, floor=floor, **planting)
        told = _told(found)
        if out is not None:
            write_audit(told, out)
    if plot is not None:
        found.frontier.plot(plot)
    if json:
        from json import dumps

        typer.echo(dumps(told))
    else:
        _show(found)
        if out is not None:
            typer.echo(said(out))


def _told(found: "Calibration") -> dict[str, Any]:
    tried = found.frontier.as_dict()
    chosen = {"kind": "calibration", "budget": found.budget, "best": found.best, "recipe": _lines(found)}
    return chosen | {"frontier": tried["variants"], "score": tried["score"], "caveats": tried["caveats"]}


def _lines(found: "Calibration") -> str:
    """Write the best filters as a recipe has them."""
    from hardneg.components import as_table
    from hardneg.recipe.rooms import FILTER
    from hardneg.recipe.toml import toml_text

    return toml_text({"filters": [as_table(each, room=FILTER) for each in found.filters]}).strip()


def _show(found: "Calibration") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Settings within a leakage of {found.budget:g} are marked *", title_justify="left")
    for column in ("", "filter", "setting", "leakage", "contamination ≥", "rank", "score", "coverage"):
        table.add_column(column, justify="left" if column in ("", "filter", "setting") else "right", overflow="fold")
    within = set(zip(found.within["filter"], found.within["setting"], strict=True))
    for row in found.frontier.frame().sort("score", descending=True, nulls_last=True).iter_rows(named=True):
        mark = "*" if (row["filter"], row["setting"]) in within else ""
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
        console.print(_lines(found), markup=False, highlight=False)


_DIGITS = {"leakage": 4, "contamination": 4, "rank": 1, "score": 3, "coverage": 3}


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
