"""`hardneg evaluate`: retrieval over the whole corpus, measured."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress, show_findings, show_reading
from hardneg.cli.engine_options import scales
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import DocumentPrompt, Numbers, QueryPrompt, Runtime, TruncateDim, TrustRemoteCode
from hardneg.cli.options import DatasetPath, Json, Measures, Primary, Quiet, Seed, SkipInvalid, Yes, print_json

if TYPE_CHECKING:
    from hardneg.evaluation.metrics import Shown
    from hardneg.evaluation.retrieval import MeanFigure
    from hardneg.models.reading import Reading


@scales()
@reads_dataset
def evaluate(
    dataset: DatasetPath,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model: Hub id, folder, package:NAME/FOLDER or https://HOST/v1#NAME. Repeat for more."),
    ] = None,
    bm25: Annotated[str | None, typer.Option(metavar="ANALYZER", help="Also BM25 with this analyzer.")] = None,
    fuse: Annotated[
        str | None,
        typer.Option(
            metavar="ranks|scores",
            help="Also the first two systems together, as hybrid search serves them: by reciprocal rank, or by scores.",
        ),
    ] = None,
    fuse_weight: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the second system in what is fused.")
    ] = 0.5,
    quantize: Annotated[
        list[str] | None,
        typer.Option(
            metavar="int8|binary|binary_int8",
            help="Also each model with vectors of one byte, or one bit, a number, as a smaller index keeps them. "
            "Repeat for more.",
        ),
    ] = None,
    rescore: Annotated[
        int, typer.Option(min=1, help="Find so many times the documents by these, and order them by the whole query.")
    ] = 4,
    split: Annotated[str, typer.Option(help="Search for the queries with a positive in this split.")] = "test",
    depth: Annotated[int, typer.Option(min=1, help="Documents retrieved for each query.")] = 100,
    measures: Measures = None,
    primary: Primary = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there; the model's own limit if not given.")
    ] = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    precision: Numbers = "auto",
    backend: Runtime = "torch",
    truncate_dim: TruncateDim = None,
    trust_remote_code: TrustRemoteCode = False,
    exclude: Annotated[
        str | None,
        typer.Option(
            metavar="identical|none|SPLIT",
            help="Leave out of each ranking the document that has the query's own id (identical; on by default where "
            "it has the query's text too), nothing (none), or what a split labels for the query, as `seen` what a user "
            "has met.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Write metrics, per-query values and TREC files there; several systems get a folder each.",
        ),
    ] = None,
    seed: Seed = None,
    yes: Yes = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Measure models, and BM25 beside them, on the labelled queries of a split.

    A model encodes in bf16 where the processor has it, which moves scores by up to .006; --precision fp32 gives what
    sentence-transformers gives.
    """
    from hardneg.costs.encoding_bills import encoding_bills
    from hardneg.errors import RecipeError
    from hardneg.evaluation.systems import evaluate_systems, with_quantized
    from hardneg.sources import BM25, Dense, Fused, Source

    systems: list[Source] = [] if bm25 is None else [BM25(analyzer=bm25)]
    for each in model or ():
        systems.append(
            Dense(
                model=each,
                query_prompt=query_prompt,
                document_prompt=document_prompt,
                max_tokens=max_tokens,
                precision=precision,
                backend=backend,
                truncate_dim=truncate_dim,
                trust_remote_code=trust_remote_code,
                name=each,
            )
        )
    if fuse is not None:
        if len(systems) < 2:
            raise RecipeError("evaluate: --fuse needs two systems; name --bm25 and a --model, or two models")
        pool = max(200, depth)
        systems.append(Fused(systems[0], systems[1], by=fuse, weight=fuse_weight, pool=pool))  # type: ignore[arg-type]
    systems = with_quantized(systems, quantize or (), rescore=rescore)
    results, shown, readings, excluded = {}, {}, {}, None
    with progress(quiet=quiet or json) as pause:
        for one in evaluate_systems(
            dataset,
            systems,
            out=out,
            mapping=layout,
            skip_invalid=skip_invalid,
            split=split,
            depth=depth,
            exclude=exclude,
            measures=measures,
            primary=primary,
            agree=lambda data: consent(encoding_bills(data, tuple(systems), split=split), yes=yes, pause=pause),
        ):
            results[one.name], excluded = one.figures(seed=seed or 0), one.excluded
            if one.reading is not None:
                readings[one.name] = one.reading
            if one.shown is not None:
                shown[one.name] = one.shown
    if json:
        _print(results, shown, readings)
    else:
        _show(results)
        if excluded is not None and str(excluded):
            typer.echo(str(excluded))
        _show_catalogue(shown)
        _show_readings({} if quiet else readings)


def _print(
    found: "dict[str, dict[str, MeanFigure]]", shown: "dict[str, Shown]", readings: "dict[str, Reading]"
) -> None:
    everything: dict[str, dict[str, object]] = {name: dict(figures) for name, figures in found.items()}
    for name, one in shown.items():
        everything[name]["shown"] = asdict(one)
    for name, reading in readings.items():
        everything[name]["reading"] = reading.as_dict()
    print_json(everything)


def _show_readings(readings: "dict[str, Reading]") -> None:
    for name, reading in readings.items():
        show_reading(name, reading)
        cut = reading.finding(name)
        show_findings([] if cut is None else [cut])


def _show(found: "dict[str, dict[str, MeanFigure]]") -> None:
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


def _show_catalogue(shown: "dict[str, Shown]") -> None:
    for name, one in shown.items():
        typer.echo(
            f"{name}: the first 10 show {one.coverage:.1%} of the documents, of mean popularity {one.popularity:.0f}; "
            f"that of the answers is {one.popularity_of_answers:.0f}"
        )
