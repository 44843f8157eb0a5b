"""`hardneg plan`: what a piece of work will cost, before it is begun."""

from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import Json, Quiet, SkipInvalid, from_here
from hardneg.progress import duration

if TYPE_CHECKING:
    from hardneg.costs import Forecast, Texts, Workload


@reads_dataset
def plan(
    dataset: Annotated[
        str | None,
        typer.Argument(metavar="[DATASET]", help="Texts like those of the work; without it, they are made."),
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
    depth: Annotated[int, typer.Option(min=1, help="Candidates of each source.")] = 100,
    per_query: Annotated[int, typer.Option(min=1, help="Negatives for each query.")] = 4,
    model: Annotated[str | None, typer.Option(help="Model that encodes, and that is trained.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=4, help="Cut texts there.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Cross-encoder that scores pairs.")] = None,
    score_pairs: Annotated[
        int | None,
        typer.Option(min=1, help="Pairs that it scores; a positive and the negatives of each query if not given."),
    ] = None,
    train_steps: Annotated[int, typer.Option(min=0, help="Steps of training.")] = 0,
    batch_size: Annotated[int, typer.Option(min=2, help="Pairs of a step.")] = 32,
    negatives_per_row: Annotated[int, typer.Option(min=0, help="Mined negatives of each pair of a step.")] = 1,
    hours: Annotated[float | None, typer.Option(help="Time there is: how many machines does it take?")] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="Try everything again, though it was tried on this machine.")
    ] = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Predict time, memory, disk and number of machines from short trials on this machine."""
    from hardneg.costs import Calibration, Workload, forecast
    from hardneg.errors import RecipeError
    from hardneg.models.store import cache_folder

    if hours is not None and not hours > 0:
        raise RecipeError(f"plan: --hours is {hours:g}; set it above 0")
    with progress(quiet=quiet or json):
        texts, counts = _texts(dataset, document_tokens, query_tokens, layout=layout, skip_invalid=skip_invalid)
        missing = [f"--{name}" for name, given in (("documents", documents), ("queries", queries)) if given is None]
        if missing and dataset is None:
            raise RecipeError(f"plan: how much work is it? Give {' and '.join(missing)}, or a dataset")
        work = Workload(
            documents=documents or counts[0],
            queries=queries or counts[1],
            dim=dim,
            depth=depth,
            per_query=per_query,
            sources=tuple(source) if source else _sources(model, dim),  # type: ignore[arg-type]
            model=model and from_here(model),
            max_tokens=max_tokens,
            teacher=teacher and from_here(teacher),
            score_pairs=score_pairs,
            train_steps=train_steps,
            batch_size=batch_size,
            negatives_per_row=negatives_per_row,
        )
        found = forecast(work, Calibration(cache_folder() / "calibration", texts, again=recalibrate))
    if json:
        _print_json(found, work, texts, hours)
    else:
        _show(found, hours, texts.about)


def _texts(
    dataset: str | None, document_tokens: int | None, query_tokens: int | None, *, layout: Layout, skip_invalid: bool
) -> "tuple[Texts, tuple[int, int]]":
    from hardneg.costs import Texts
    from hardneg.data.reading import read_dataset
    from hardneg.errors import RecipeError

    if dataset is None:
        return Texts.made(document_tokens=document_tokens or 128, query_tokens=query_tokens or 16), (0, 0)
    if document_tokens or query_tokens:
        raise RecipeError(
            "plan: DATASET's texts have their own lengths: leave --document-tokens and --query-tokens out"
        )
    data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
    return Texts.of(data), (data.n_documents, data.n_queries)


def _sources(model: str | None, dim: int | None) -> tuple[str, ...]:
    """Take BM25, and vectors that are given or encoded if either is told."""
    if dim is not None:
        return ("bm25", "vectors")
    return ("bm25", "dense") if model else ("bm25",)


def _print_json(found: "Forecast", work: "Workload", texts: "Texts", hours: float | None) -> None:
    from dataclasses import asdict
    from json import dumps

    from hardneg.costs.machine import identity

    more = {} if hours is None else {"hours": hours, "machines": found.machines(hours)}
    typer.echo(dumps({"work": asdict(work), "texts": texts.about, "machine": identity(), **found.as_dict(), **more}))


def _show(found: "Forecast", hours: float | None, texts: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from hardneg.costs.machine import free_gb, memory_gb
    from hardneg.models.store import cache_folder

    table = Table(title="What it will cost on a machine like this one", title_justify="left")
    for column in ("stage", "work", "time", "memory", "disk"):
        table.add_column(column, justify="left" if column == "stage" else "right", no_wrap=True)
    for stage in found.stages:
        memory, disk = (_gb(size) if size else "" for size in (stage.memory_gb, stage.disk_gb))
        table.add_row(stage.name, stage.work, duration(stage.seconds), memory, disk)
    table.add_section()
    table.add_row("all", "", duration(found.seconds()), _gb(found.memory_gb), _gb(found.disk_gb))
    console = Console()
    console.print(table)
    console.print(f"From short trials on this machine, with {texts}.", highlight=False)
    if hours is not None:
        console.print(_machines(found, hours), highlight=False)
    if found.memory_gb > memory_gb():
        console.print(f"This machine has {_gb(memory_gb())} of memory, less than that.", highlight=False)
    if found.disk_gb > free_gb(cache_folder()):
        console.print(f"{cache_folder()} has {_gb(free_gb(cache_folder()))} left, less than that.", highlight=False)


def _machines(found: "Forecast", hours: float) -> str:
    machines = found.machines(hours)
    alone = [stage for stage in found.stages if stage.spread != "over"]
    names = ", ".join(stage.name for stage in alone)
    if machines is None:
        taken = duration(sum(stage.seconds for stage in alone))
        return f"No number of machines takes {duration(hours * 3600)}: {names} take {taken}, and cannot be shared."
    count = "1 machine takes" if machines == 1 else f"{machines:,} machines take"
    return f"{count} {duration(found.seconds(machines))}; they share all but: {names}."


def _gb(size: float) -> str:
    return f"{size:,.2f} GB" if size < 10 else f"{size:,.0f} GB"
