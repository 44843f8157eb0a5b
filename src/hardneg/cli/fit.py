"""`hardneg fit`: from a dataset to the best model."""

from pathlib import Path
from typing import Annotated

import typer

from hardneg.cli.display import progress
from hardneg.cli.engine_options import scales
from hardneg.cli.fit_display import show_fit, watching
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import AllowCode, TrustRemoteCode
from hardneg.cli.options import DatasetPath, Json, Measures, Primary, Quiet, SkipInvalid, Watch, from_here, print_json


@scales(keep=False)
@reads_dataset
def fit(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the fit.")] = Path("runs/fit"),
    model: Annotated[str | None, typer.Option(help="Model to start from.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes for all of it; 60 if not given.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of a whole training, in place of a time: the same on any machine.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="10 minutes, 64 tokens, few strategies.")] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Four hours, more strategies, longer trainings.")
    ] = False,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="A rung of the ladder, a preset or a recipe that races. Repeat for more; the usual ones if not given."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A preset that races too: code, legal, conversation or recommender.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Take model, sources' options and training settings from a recipe.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Options of a source, for all that use it: 'bm25(analyzer=\"code\")'. Repeat for more."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A training setting of all that is tried, as batch_size=64. Repeat."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there: mining, training and measuring alike.")
    ] = None,
    measures: Measures = None,
    primary: Primary = None,
    split: Annotated[str, typer.Option(help="Split to train on.")] = "train",
    dev: Annotated[
        str | None, typer.Option(help="Split to choose on; dev, validation, valid or val, or one that is dealt.")
    ] = None,
    test: Annotated[str, typer.Option(help="Split to test on, once, at the end; dealt if missing.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything.")] = 0,
    trust_remote_code: TrustRemoteCode = False,
    allow_code: AllowCode = False,  # noqa: ARG001 - its callback does it all
    watch: Watch = None,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Find out what trains the best model on a dataset, train it, and test it once, within a budget.

    What will be tried, and how long it takes, is shown before the race begins. The same command goes on where it was
    stopped.
    """
    from hardneg.cli.components import parse_settings, parse_watch
    from hardneg.data.reading import read_dataset
    from hardneg.errors import RecipeError
    from hardneg.fits.fit import fit_in
    from hardneg.fits.request import FitRequest

    if fast and thorough:
        raise RecipeError("fit: --fast and --thorough are two budgets; give one of them")
    request = FitRequest.of(
        effort="fast" if fast else "thorough" if thorough else "normal",
        minutes=minutes,
        steps=steps,
        rungs=strategy,
        preset=preset,
        recipe=recipe,
        model=None if model is None else from_here(model),
        sources=source or [],
        settings=parse_settings(set_ or [])
        | parse_watch(watch)
        | ({"trust_remote_code": True} if trust_remote_code else {}),
        max_tokens=max_tokens,
        measures=measures,
        primary=primary,
        split=split,
        dev=dev,
        test=test,
        seed=seed,
    )
    still = quiet or json
    with progress(quiet=still) as pause:
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        fitted = fit_in(out, data, request, watched=watching(pause, quiet=still))
    if json:
        print_json(fitted.found)
    else:
        show_fit(fitted.found, out)
