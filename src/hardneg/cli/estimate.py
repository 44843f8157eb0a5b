"""`hardneg estimate`: what a recipe or a piece of work will cost, before it is begun."""

import functools
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, SkipInvalid, from_here, given, print_json

if TYPE_CHECKING:
    from hardneg.costs import Estimate, Machines


@reads_dataset
def estimate(
    recipe_or_dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE|DATASET]",
            help="A recipe, which says all that is done; or texts like those of the work. Without it, texts are made.",
        ),
    ] = None,
    documents: Annotated[int | None, typer.Option(min=1, help="Documents; DATASET's if not given.")] = None,
    queries: Annotated[int | None, typer.Option(min=1, help="Queries to mine for; DATASET's if not given.")] = None,
    dim: Annotated[int | None, typer.Option(min=1, help="Dimensions of vectors that are given.")] = None,
    document_tokens: Annotated[
        int | None, typer.Option(min=1, help="Mean tokens of a document, without DATASET; 128 if not given.")
    ] = None,
    query_tokens: Annotated[
        int | None, typer.Option(min=1, help="Mean tokens of a query, without DATASET; 16 if not given.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="bm25, dense (needs --model) or vectors (needs --dim). Repeat for more; bm25 and what fits of the "
            "others if not given."
        ),
    ] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Candidates of each source; 100 if not given.")] = None,
    per_query: Annotated[int | None, typer.Option(min=1, help="Negatives for each query; 8 if not given.")] = None,
    model: Annotated[str | None, typer.Option(help="Model that encodes, and that is trained.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=4, help="Cut texts there.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Cross-encoder that scores pairs.")] = None,
    score_pairs: Annotated[
        int | None,
        typer.Option(min=1, help="Pairs that it scores; a positive and the negatives of each query if not given."),
    ] = None,
    train_steps: Annotated[int | None, typer.Option(min=0, help="Steps of training; none if not given.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=2, help="Pairs of a step; 32 if not given.")] = None,
    negatives_per_row: Annotated[
        int | None, typer.Option(min=0, help="Mined negatives of each pair of a step; 1 if not given.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Time there is: how many machines does it take?")] = None,
    machines: Annotated[int | None, typer.Option(min=1, help="Machines like this one: how long do they take?")] = None,
    network_gbps: Annotated[
        float | None,
        typer.Option(help="Gigabits a second between all of them together and what they share: what moves, how long?"),
    ] = None,
    price_hour: Annotated[
        float | None, typer.Option(help="Price of one of them for an hour: what is the bill?")
    ] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Try everything again, though it was tried on this machine.")
    ] = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Predict time, memory, disk, number of machines and the price of judges from short trials on this machine."""
    import hardneg
    from hardneg.costs.machine import identity
    from hardneg.costs.recipe import is_recipe
    from hardneg.errors import RecipeError

    for name, value in {"--hours": hours, "--network-gbps": network_gbps, "--price-hour": price_hour}.items():
        if value is not None and not 0 < value < float("inf"):
            raise RecipeError(f"estimate: {name} is {value:g}; set it above 0")
    if hours is not None and machines is not None:
        raise RecipeError("estimate: --hours asks how many machines it takes, and --machines says; give one of them")
    work = given(
        documents=documents,
        queries=queries,
        dim=dim,
        document_tokens=document_tokens,
        query_tokens=query_tokens,
        sources=tuple(source) if source else None,
        depth=depth,
        per_query=per_query,
        max_tokens=max_tokens,
        teacher=teacher and from_here(teacher),
        score_pairs=score_pairs,
        train_steps=train_steps,
        batch_size=batch_size,
        negatives_per_row=negatives_per_row,
    )
    what: Any = recipe_or_dataset
    with progress(quiet=quiet or json):
        if what is not None and not is_recipe(what):
            what = hardneg.read_dataset(what, mapping=layout, skip_invalid=skip_invalid)
        elif layout.said or skip_invalid:
            raise RecipeError("estimate: how a dataset is read is said of a dataset, or in the recipe; leave it out")
        forecast = hardneg.estimate(what, model=model and from_here(model), again=recalibrate, **work)
    count = machines if hours is None else forecast.machines(hours, network_gbps=network_gbps)
    if hours is None and machines is None and (network_gbps or price_hour):
        count = 1
    together = None if count is None else forecast.together(count, network_gbps, price_hour)
    if json:
        more = {} if hours is None else {"hours": hours, "machines": count}
        more |= {} if together is None else forecast.on_machines(together)
        print_json({**forecast.as_dict(), "machine": identity(), **more})
    else:
        _show(forecast, hours, together)


@functools.wraps(estimate)
def plan(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - what `estimate` takes
    """Do what `hardneg estimate` does, under its old name."""
    typer.echo("hardneg: `plan` is now `estimate`; the old name goes with the next version", err=True)
    estimate(*arguments, **options)


def _show(found: "Estimate", hours: float | None, machines: "Machines | None") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="What it will cost on a machine like this one", title_justify="left")
    head, *rows, whole = found.cells(machines)
    for column in head:
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    table.add_section()
    table.add_row(*whole)
    console = Console()
    console.print(table)
    for line in found.remarks(hours, machines):
        console.print(line, highlight=False)
