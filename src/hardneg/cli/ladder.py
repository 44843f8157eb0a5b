"""`hardneg ladder`: which strategy pays on this dataset."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.display import progress
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import TrustRemoteCode
from hardneg.cli.options import DatasetPath, Json, Quiet, SkipInvalid, from_here, given

if TYPE_CHECKING:
    from hardneg.data.dataset import Dataset
    from hardneg.ladders.prepare import Wanted
    from hardneg.ladders.rungs import Shared


@reads_dataset
def ladder(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the ladder.")] = Path("runs/ladder"),
    rung: Annotated[
        list[str] | None,
        typer.Option(
            help="A rung, a preset, a recipe of hardneg or a recipe file, from the bottom to the top. Repeat for more; "
            "all rungs if not given."
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
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each rung.")] = 3,
    budget_steps: Annotated[int | None, typer.Option(min=1, help="Steps of each training.")] = None,
    budget_minutes: Annotated[
        float | None, typer.Option(help="Minutes for all that a rung needs with one seed, mining included.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Cut texts there: mining, training and measuring alike.")
    ] = None,
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
    from hardneg.models.installed import check_installed

    check_installed("a ladder, which trains models,", training=True)
    from filelock import FileLock, Timeout

    from hardneg.cli.components import parse_settings
    from hardneg.cli.ladder_display import agree, announce, show_ladder
    from hardneg.data.reading import read_dataset
    from hardneg.errors import RunError
    from hardneg.files import check_folder
    from hardneg.ladders.bills import judge_bills
    from hardneg.ladders.climb import climb, was_agreed, write_agreed
    from hardneg.ladders.plan import Budget
    from hardneg.ladders.prepare import Wanted, draft, prepare
    from hardneg.ladders.processes import in_process
    from hardneg.ladders.results import summarise
    from hardneg.ladders.splits import choose_splits
    from hardneg.reports.write import write_report
    from hardneg.runs.record import recording

    check_folder(out)
    shared = _shared(
        from_here(dataset),
        recipe=recipe,
        model=model,
        seed=seed,
        seeds=seeds,
        source=source or [],
        teacher=teacher or [],
        settings=parse_settings(set_ or []) | ({"trust_remote_code": True} if trust_remote_code else {}),
        max_tokens=max_tokens,
        split=split,
        test=test,
    )
    wanted = Wanted(
        shared=shared,
        rungs=_rungs(rung, preset),
        budget=Budget(budget_steps, budget_minutes),
        tune=_choices(tune or []),
        skip_invalid=skip_invalid,
        allow_shared_queries=allow_shared_queries,
        layout=layout.said,
    )
    still = quiet or json
    with progress(quiet=still):
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        data, wanted = _with_test_split(data, wanted, out / "dataset", train=split, test=test)
    planned = draft(wanted, data, choose_splits(data, train=split, dev=dev, test=test))
    work = in_process(["-m", "hardneg.cli.ladder_worker", *(["--quiet"] if still else [])])
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / ".lock", blocking=False):
            ready = prepare(planned, data, out, work=work)
            if not was_agreed(ready, out):
                agree(ready, judge_bills(ready, data), yes=yes, quiet=still)
                write_agreed(ready, out)
            with recording(out, "ladder", dataset=wanted.shared.dataset, layout=wanted.layout):
                records = climb(ready, out, work=work, announce=announce(quiet=still))
                found = summarise(ready, records, out, data)
                write_report(out, dataset=data)
    except Timeout:
        raise RunError(
            f"another ladder is being climbed in {out}; wait for it, or name another folder with -o"
        ) from None
    if json:
        from json import dumps

        typer.echo(dumps(found))
    else:
        show_ladder(found)
    if any(one["state"] == "failed" for one in found["rungs"]):
        raise typer.Exit(1)


def _shared(
    dataset: str,
    *,
    recipe: str | None,
    model: str | None,
    seed: int,
    seeds: int,
    source: list[str],
    teacher: list[str],
    settings: dict[str, Any],
    max_tokens: int | None,
    split: str,
    test: str,
) -> "Shared":
    """Put together what all rungs share, from a recipe and from options, which go before it."""
    from hardneg.cli.components import parse_component
    from hardneg.ladders.rungs import Shared, shared_of
    from hardneg.recipe import Recipe

    changes: dict[str, Any] = {"dataset": dataset, "seed": seed, **given(model=model and from_here(model))}
    base = shared_of(
        Recipe.load(recipe, changes=changes) if recipe else Recipe.from_table(changes), given=recipe is not None
    )
    sources = {each["use"]: each for each in (*base.sources, *map(parse_component, source))}
    if max_tokens is not None:
        sources["dense"] = {"use": "dense", **sources.get("dense", {}), "max_tokens": max_tokens}
    return Shared(
        dataset=dataset,
        model=base.model,
        seed=seed,
        seeds=tuple(range(seed, seed + seeds)),
        mine={**base.mine, "split": split},
        evaluate={**base.evaluate, "split": test, **given(max_tokens=max_tokens)},
        train={**base.train, **given(max_tokens=max_tokens), **settings},
        sources=tuple(sources.values()),
        teachers=tuple(map(parse_component, teacher)) or base.teachers,
    )


def _with_test_split(
    data: "Dataset", wanted: "Wanted", place: Path, *, train: str, test: str
) -> "tuple[Dataset, Wanted]":
    """Deal a dataset that has nothing to test on, and have the ladder read what was dealt."""
    from hardneg.pipeline.dealing import told_dealt, with_test_split

    data, how = with_test_split(data, place, train=train, test=test)
    if how is None:
        return data, wanted
    typer.echo(f"hardneg: {told_dealt(data.name, how, place)}", err=True)
    shared = replace(wanted.shared, dataset=str(place.resolve()))
    return data, replace(wanted, shared=shared, skip_invalid=False, layout={})


def _rungs(names: list[str] | None, preset: str | None) -> tuple[str, ...] | None:
    from hardneg.ladders.rungs import shipped_rungs, with_preset_rung
    from hardneg.place import Place
    from hardneg.recipe.presets import read_preset

    if preset is None:
        return tuple(names) if names else None
    read_preset(preset, Place(Path("--preset")))
    return with_preset_rung(names or list(shipped_rungs()), preset)


def _choices(texts: list[str]) -> dict[str, tuple[Any, ...]]:
    """Turn `key=value,value` texts into the values to choose among, by key."""
    from hardneg.cli.components import parse_settings

    found = {}
    for text in texts:
        key, equals, values = text.partition("=")
        parts = [f"{key}{equals}{value}" for value in values.split(",")] if equals else [text]
        found[key] = tuple(parse_settings([part])[key] for part in parts)
    return found
