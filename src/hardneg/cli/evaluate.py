"""`hardneg evaluate`: retrieval over the whole corpus, measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.options import DatasetPath, Json, Quiet, Seed, SkipInvalid

if TYPE_CHECKING:
    from hardneg.evaluation.retrieval import Figure


def evaluate(
    dataset: DatasetPath,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model: Hub id, folder or package:NAME/FOLDER. Repeat for more."),
    ] = None,
    bm25: Annotated[str | None, typer.Option(metavar="ANALYZER", help="Also BM25 with this analyzer.")] = None,
    split: Annotated[str, typer.Option(help="Search for the queries with a positive in this split.")] = "test",
    depth: Annotated[int, typer.Option(min=10, help="Documents retrieved for each query.")] = 100,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there; the model's own limit if not given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write metrics, per-query values and TREC files there.")
    ] = None,
    seed: Seed = None,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure models, and BM25 beside them, on the labelled queries of a split."""
    from hardneg.data.reading import read_dataset
    from hardneg.errors import InputError
    from hardneg.evaluation.retrieval import evaluate as measure
    from hardneg.models.resolve import resolve_model
    from hardneg.sources import BM25, Dense, Source

    systems: list[Source] = [] if bm25 is None else [BM25(analyzer=bm25)]
    systems += [Dense(model=name, max_tokens=max_tokens, name=name) for name in model or ()]
    if not systems:
        raise InputError("name what to evaluate: --model NAME, --bm25 ANALYZER, or both")
    for name in model or ():
        resolve_model(name)  # a model that is not there is known before another one is measured
    data = read_dataset(dataset, skip_invalid=skip_invalid)
    found = {}
    with progress(quiet=quiet or json):
        for number, system in enumerate(systems):
            evaluation = measure(data, system, split=split, depth=depth)
            found[system.name] = evaluation.figures(seed=seed or 0)
            if out is not None:
                evaluation.write(out if len(systems) == 1 else out / str(number))
    if json:
        from json import dumps

        typer.echo(dumps(found))
    else:
        _show(found)


def _show(found: "dict[str, dict[str, Figure]]") -> None:
    from rich.console import Console
    from rich.table import Table

    measures = list(next(iter(found.values())))
    table = Table(title="Mean over queries [95 % interval]", title_justify="left")
    for column in ("", *measures):
        table.add_column(column, justify="left" if not column else "right", overflow="fold")
    for name, figures in found.items():
        cells = [f"{one['value']:.4f} [{one['low']:.3f}, {one['high']:.3f}]" for one in figures.values()]
        table.add_row(name, *cells)
    Console().print(table)
