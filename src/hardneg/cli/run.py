"""`hardneg run`: every stage of a recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hardneg.cli.consent import consent
from hardneg.cli.display import own_negatives_line, progress, show_findings, warn_if_nothing_mined
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.model_options import TrustRemoteCode
from hardneg.cli.options import Json, Preset, Quiet, Yes, from_here, given
from hardneg.runs import layout
from hardneg.runs.layout import StageKey

if TYPE_CHECKING:
    from hardneg.pipeline.run import Result
    from hardneg.scoring import Scorer

_SHOWN = ("nDCG@10", "MRR@10", "Recall@100")  # of the usual five
_COLUMNS = 4


@reads_dataset
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A TOML file, or a recipe that hardneg ships.")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Run folder; runs/NAME if not given.")] = None,
    preset: Preset = None,
    dataset: Annotated[str | None, typer.Option(help="Use this dataset in place of the recipe's.")] = None,
    model: Annotated[str | None, typer.Option(help="Use this model in place of the recipe's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Use this seed in place of the recipe's.")] = None,
    trust_remote_code: TrustRemoteCode = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Mine, train and measure as a recipe says; a run that was interrupted goes on where it stopped."""
    from hardneg.costs.bills import recipe_bills
    from hardneg.files import check_folder
    from hardneg.pipeline.run import prepare
    from hardneg.recipe import Recipe
    from hardneg.recipe.trust import trusting
    from hardneg.runs.record import recording

    changes: dict[str, Any] = given(seed=seed, preset=preset)
    changes |= {key: from_here(name) for key, name in (("dataset", dataset), ("model", model)) if name is not None}
    if layout.said:
        changes["dataset"] = {**({"path": changes["dataset"]} if dataset is not None else {}), **layout.said}
    loaded = Recipe.load(recipe, changes=changes)
    loaded = trusting(loaded) if trust_remote_code else loaded
    place = out or Path("runs") / loaded.name
    check_folder(place)
    with progress(quiet=quiet or json) as pause, recording(place, "run"):
        prepared = prepare(loaded, out=place)
        consent(recipe_bills(prepared.dataset, loaded), yes=yes, pause=pause)
        result = prepared.run()
    if json:
        from json import dumps

        typer.echo(dumps(result.as_dict()))
    else:
        _show(result)
    if not json:
        _show_noticed(result, loaded.teachers)
    if "funnel" in result.manifest:
        warn_if_nothing_mined(result.manifest["funnel"])


def _show_noticed(result: "Result", teachers: "Sequence[Scorer]") -> None:
    """Say on stderr what mining and training found, each finding once, and where the dataset's own negatives served."""
    from hardneg.pipeline.dealing import told_dealt
    from hardneg.reports.read_run import read_trainings
    from hardneg.runs.mining_findings import read_mining_findings
    from hardneg.scoring.cross_fitted import weak_teachers

    if "dealt" in result.manifest:
        line = told_dealt("the dataset", result.manifest["dealt"], result.folder / "dataset")
        typer.echo(f"hardneg: {line}", err=True)
    for row, n_own in result.manifest.get("own_negatives", {}).items():
        typer.echo(f"hardneg: {row} was {own_negatives_line(n_own)}; own_negatives = false leaves them out", err=True)
    places = layout.minings(result.folder)
    found = [*(one for place in places for one in read_mining_findings(place)), *weak_teachers(teachers)]
    found += [finding for training in read_trainings(result.folder) for finding in training.findings]
    show_findings(list({(one.code, one.title): one for one in reversed(found)}.values())[::-1])


def _show(result: "Result") -> None:
    from hardneg.evaluation.excluding import told_in

    console, found = Console(), result.as_dict()
    console.print(_counts(found))
    console.print(_quality(found))
    for line in filter(None, (told_in(result.folder), *_verdicts(found))):
        console.print(line)
    console.print(_costs(found))
    console.print(
        f"Everything is in {result.folder}; the trained model is {result.folder / 'model'}, and "
        f"{result.folder / layout.REPORT} shows it all."
    )


def _counts(found: dict[str, Any]) -> str:
    counts = found["counts"]
    by_stage = {f"{name}: ": each for name, each in found.get("mined", {}).items()}
    mined = by_stage or ({"": found} if "funnel" in found else {})
    return (
        f"\n{counts['documents']:,} documents, {counts['train_pairs']:,} training pairs, "
        f"{counts['test_queries']:,} test queries\n"
    ) + "".join(head + _candidates(each["funnel"]) + _judged(each) for head, each in mined.items())


def _candidates(funnel: dict[str, Any]) -> str:
    dropped = ", ".join(f"{count:,} by {name}" for name, count in funnel["dropped"].items()) or "none"
    return (
        f"{funnel['candidates']:,} candidates for {funnel['queries']:,} queries; refused: {dropped}; "
        f"{funnel['selected']:,} negatives, {funnel['short_queries']:,} queries short\n"
    )


def _judged(mined: dict[str, Any]) -> str:
    from hardneg.pipeline.verdicts import Used

    return f"{Used(**mined['verdicts'])}\n" if "verdicts" in mined else ""


def _quality(found: dict[str, Any]) -> Table:
    table = Table(title="Quality on the test queries, and what it cost", title_justify="left")
    names = list(dict.fromkeys(name for row in found["rows"].values() for name in row))
    columns = _SHOWN if len(names) > _COLUMNS and set(_SHOWN) <= set(names) else names
    for column in ("", *columns, "wall time", "peak memory"):
        table.add_column(column, justify="left" if not column else "right")
    for name, measures in found["rows"].items():
        wall_s, peak_gb = _row_cost(name, found["stages"], found["chain"])
        cells = [_figure(measures[measure]) if measure in measures else "" for measure in columns]
        table.add_row(name.replace("_", "-"), *cells, f"{wall_s:,.0f} s", f"{peak_gb:.2f} GB")
    return table


def _figure(measure: dict[str, Any]) -> str:
    spread = f" ± {measure['sd']:.4f}" if measure["sd"] is not None else ""
    return f"{measure['value']:.4f}{spread}"


def _row_cost(name: str, stages: dict[str, dict[str, float]], chain: list[str]) -> tuple[float, float]:
    """Add up what a row needed: for a trained model, mining, its teachers and training up to it, and measuring."""
    upto = chain[: chain.index(name) + 1] if name in chain else [name]
    costs = []
    for stage, cost in stages.items():
        key = StageKey.parse(stage)
        row = key.of.row
        made = row in upto or (not row and name in chain)
        counts = {"mine": made, "score": made, "evaluate": row == name}
        counts["train"] = row in upto or row.startswith(f"{name}.")
        costs += [cost] if counts.get(key.verb, False) else []
    return sum(cost["wall_s"] for cost in costs), max((cost["peak_gb"] for cost in costs), default=0.0)


def _verdicts(found: dict[str, Any]) -> list[str]:
    lines, last = [], found["chain"][-1]
    for pair, one in found["comparisons"].items():
        if pair.startswith(f"{last} - "):
            other = pair.removeprefix(f"{last} - ").replace("_", "-")
            lines.append(
                f"{last.replace('_', '-')} against {other}: {one['difference']:+.4f} {one['metric']}, 95 % interval "
                f"[{one['low']:+.4f}, {one['high']:+.4f}], p = {one['p_value']:.4f}; "
                f"{one['wins']} queries better, {one['losses']} worse"
            )
    return lines


def _costs(found: dict[str, Any]) -> Table:
    table = Table(title="Cost of each stage", title_justify="left")
    for column in ("stage", "wall time", "peak memory"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, cost in found["stages"].items():
        table.add_row(stage, f"{cost['wall_s']:,.1f} s", f"{cost['peak_gb']:.2f} GB")
    return table
