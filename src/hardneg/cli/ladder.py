"""`hardneg ladder`: which strategy pays on this dataset."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hardneg.cli.display import progress
from hardneg.cli.engine_options import scales
from hardneg.cli.ladder_display import agree, announce, show_ladder
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import AllowCode, TrustRemoteCode
from hardneg.cli.options import (
    DatasetPath,
    Json,
    Measures,
    Primary,
    Quiet,
    SkipInvalid,
    Watch,
    from_here,
    print_json,
    said_of,
)


@scales(keep=False)
@reads_dataset
def ladder(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the ladder.")] = Path("runs/ladder"),
    rung: Annotated[
        list[str] | None,
        typer.Option(
            help="A rung, a preset, a recipe of hardneg or a recipe file, from the bottom to the top. Repeat for more; "
            "all but those on request if not given."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Add a rung that mines by a preset: code, legal, conversation or recommender.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Take model, sources' options and training settings for all rungs from a recipe.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model that every rung starts from.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Options of a source, for all rungs that use it: 'bm25(analyzer=\"code\")'. Repeat for more."
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(help="A teacher: 'cross_fitted(path=\"…\")'. Without one, rungs that need it are left out."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A training setting of all rungs, as epochs=2. Repeat for more.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(help="Values to choose among on the development split, as learning_rate=1e-5,3e-5. Repeat."),
    ] = None,
    watch: Watch = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each rung.")] = 3,
    budget_steps: Annotated[int | None, typer.Option(min=1, help="Steps of each training.")] = None,
    budget_minutes: Annotated[
        float | None, typer.Option(help="Minutes for all that a rung needs with one seed, mining included.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there: mining, training and measuring alike.")
    ] = None,
    measures: Measures = None,
    primary: Primary = None,
    split: Annotated[str, typer.Option(help="Split to train on.")] = "train",
    dev: Annotated[
        str | None, typer.Option(help="Split to tune on; dev, validation, valid or val if there is one.")
    ] = None,
    test: Annotated[str, typer.Option(help="Split to test on, once, at the end.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Seed of mining, and the first of the trainings.")] = 0,
    allow_shared_queries: Annotated[
        bool, typer.Option("--allow-shared-queries", help="Climb though test shares queries with another split.")
    ] = False,
    trust_remote_code: TrustRemoteCode = False,
    allow_code: AllowCode = False,  # noqa: ARG001 - its callback does it all
    yes: Annotated[bool, typer.Option("--yes", help="Climb without asking first.")] = False,
    skip_invalid: SkipInvalid = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Climb from BM25 to distillation, rung by rung, and say what each gained and cost on this dataset.

    What will be done, and for how long, is shown before it begins. The same command goes on where it was stopped.
    """
    from hardneg.cli.components import parse_settings, parse_watch
    from hardneg.data.reading import read_dataset
    from hardneg.ladders.ladder import claimed, climb_ladder, plan_ladder
    from hardneg.ladders.prepare import Wanted

    wanted = Wanted(
        rungs=rung,
        preset=preset,
        recipe=recipe,
        model=model,
        sources=source or [],
        teachers=teacher or [],
        settings=parse_settings(set_ or [])
        | parse_watch(watch)
        | ({"trust_remote_code": True} if trust_remote_code else {}),
        tune=_choices(tune or []),
        seeds=seeds,
        budget_steps=budget_steps,
        budget_minutes=budget_minutes,
        max_tokens=max_tokens,
        measures=measures,
        primary=primary,
        split=split,
        dev=dev,
        test=test,
        seed=seed,
        allow_shared_queries=allow_shared_queries,
    )
    still = quiet or json
    with claimed(out):
        with progress(quiet=still):
            data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        address = {"path": from_here(dataset), **said_of(layout, skip_invalid)}
        worker = {} if still else {"worker": "hardneg.cli.ladder_worker"}
        ready = plan_ladder(data, wanted, out, address=address, **worker)
        for note in ready.notes:
            typer.echo(f"hardneg: {note}", err=True)
        if not ready.was_agreed:
            agree(ready, yes=yes, quiet=still)
        report = climb_ladder(ready, announce=announce(quiet=still)).found
    if json:
        print_json(report)
    else:
        show_ladder(report)
    if any(one["state"] == "failed" for one in report["rungs"]):
        raise typer.Exit(1)


def _choices(texts: list[str]) -> dict[str, tuple[Any, ...]]:
    """Turn `key=value,value` texts into the values to choose among, by key."""
    from hardneg.cli.components import parse_settings

    choices = {}
    for text in texts:
        key, equals, values = text.partition("=")
        parts = [f"{key}{equals}{value}" for value in values.split(",")] if equals else [text]
        choices[key] = tuple(parse_settings([part])[key] for part in parts)
    return choices
