"""`hardneg audit`: how many answers a way of mining hands out as negatives."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hardneg.cli.consent import consent
from hardneg.cli.display import progress
from hardneg.cli.joined import AllowOtherData
from hardneg.cli.layout_options import Layout, reads_dataset
from hardneg.cli.options import DatasetPath, Json, Preset, Quiet, ResultsIn, Seed, SkipInvalid, Yes
from hardneg.cli.recipe_options import check_floor, read_recipe, read_scorer

if TYPE_CHECKING:
    import polars as pl

    from hardneg.audits.frontier import Frontier
    from hardneg.audits.judged import Truth
    from hardneg.audits.planted import Audit, Fit
    from hardneg.audits.sampled import Judged
    from hardneg.data.dataset import Dataset
    from hardneg.negatives.plan import Plan
    from hardneg.scoring import Scorer
    from hardneg.scoring.llm.cost import CostEstimate

    Agree = Callable[[Sequence[CostEstimate]], None]


@reads_dataset
def audit(
    dataset: DatasetPath,
    split: Annotated[
        str | None, typer.Option(help="Audit the queries with a positive in this split; train if not given.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Take sources, filters and selection from a recipe.")] = None,
    preset: Preset = None,
    model: Annotated[str | None, typer.Option(help="Model of dense sources that name none.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="A source, as for `hardneg mine`. Repeat for more.")] = None,
    filter: Annotated[list[str] | None, typer.Option(help="A filter, as for `hardneg mine`. Repeat for more.")] = None,
    per_query: Annotated[int | None, typer.Option(min=1, help="Negatives for each query; 4 if not given.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Candidates of each source; 100 if not given.")] = None,
    block_size: Annotated[int | None, typer.Option(min=1, help="Queries at a time; bounds memory.")] = None,
    share: Annotated[float, typer.Option(help="Share of a query's positives that is hidden.")] = 0.5,
    audit_seeds: Annotated[int, typer.Option(min=1, help="Plantings, each with another seed.")] = 3,
    max_queries: Annotated[int | None, typer.Option(min=1, help="Plant in so many queries at most.")] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Estimate the answers that nobody labelled too.")
    ] = False,
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Metadata whose values are drawn together in the intervals.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Source whose score says how hard a negative is.")
    ] = None,
    judged: Annotated[
        Path | None, typer.Option(metavar="QRELS", help="Audit by a fuller file of qrels instead of planting.")
    ] = None,
    truth_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Audit by metadata that is equal for a query and all that answers it."),
    ] = None,
    frontier: Annotated[bool, typer.Option("--frontier", help="Compare common settings of all filters.")] = False,
    floor: Annotated[float, typer.Option(help="Least coverage of a setting that is compared.")] = 0.9,
    plot: Annotated[Path | None, typer.Option(help="Draw the frontier: an .svg or .html file.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Draw so many negatives to be judged.")] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="Draw them from a folder of mined negatives instead of mining.")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write the sample to fill in: a .csv or .jsonl file.")] = None,
    read: Annotated[Path | None, typer.Option(help="Read a sample that was filled in.")] = None,
    scorer: Annotated[
        str | None, typer.Option(help="Judge the sample, or try thresholds: 'cross_encoder(model=\"…\")'.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Lowest score that the scorer gives an answer.")] = None,
    out: ResultsIn = None,
    seed: Seed = None,
    allow_other_data: AllowOtherData = False,
    skip_invalid: SkipInvalid = False,
    yes: Yes = False,
    json: Json = False,
    quiet: Quiet = False,
    *,
    layout: Layout,
) -> None:
    """Measure how many answers a way of mining hands out as negatives, before any training.

    Without further options some labelled positives are hidden, negatives are mined as usual, and the hidden answers
    among them are counted.
    """
    from hardneg.audits.sampled import draw
    from hardneg.cli.audit_display import show
    from hardneg.data.reading import read_dataset
    from hardneg.errors import RecipeError
    from hardneg.recipe.plan import plan_of
    from hardneg.runs.audits import write_audit
    from hardneg.runs.record import recording

    ways: dict[str, object] = {"--judged": judged, "--truth-column": truth_column, "--frontier": frontier or None}
    ways |= {"--sample": sample, "--read": read}
    _check_ways(ways)
    planted = all(value is None for value in ways.values())
    _check_needs(
        {
            "--plot": (plot, "--frontier", frontier or None),
            "--write": (write, "--sample", sample),
            "--negatives": (negatives, "--sample", sample),
            "--threshold": (threshold, "--scorer", scorer),
            "--sample": (sample, "--write or --scorer", write or scorer),
            "--scorer": (scorer, "--sample or --frontier", sample or frontier or None),
            "--estimate": (estimate or None, "planting", planted or None),
            "--out": (out and sample, "--scorer, for a sample that nobody judged has no result", scorer),
        }
    )
    _check_values(share, floor, plot, write)
    if sample is not None and scorer is not None and threshold is None:
        raise RecipeError("audit: --scorer judges by a threshold; add --threshold, say 0.5")
    whole = read_recipe(
        dataset,
        recipe=recipe,
        preset=preset,
        model=model,
        source=source,
        filter=filter,
        per_query=per_query,
        seed=seed,
        split=split,
        depth=depth,
        block_size=block_size,
    )
    plan, size = plan_of(whole, seed=whole.seed), whole.mine.block_size
    judge = None if scorer is None else read_scorer(scorer)
    with progress(quiet=quiet or json) as pause, _fitting() as fit, recording(out, "audit"):
        agree = partial(consent, yes=yes, pause=pause)
        data = read_dataset(dataset, mapping=layout, skip_invalid=skip_invalid)
        options: dict[str, Any] = {"group": group, "score": score, "block_size": size, "fit": fit}
        planting = {"share": share, "seeds": range(plan.seed, plan.seed + audit_seeds), "max_queries": max_queries}
        found: Audit | Frontier | Judged | Path
        if read is not None:
            found = _read(read, data)
        elif sample is not None:
            mined = _mined(data, negatives, allow_other_data=allow_other_data, quiet=json or quiet)
            mined = _negatives(data, plan, size=size, agree=agree) if mined is None else mined
            drawn = draw(mined, data, sample, seed=plan.seed)
            found = _sample(data, drawn, write=write, judge=judge, threshold=threshold, agree=agree)
        elif frontier:
            found = _frontier(data, plan, judge, options | {"floor": floor}, planting, agree)
            found.frame()
            if plot is not None:
                found.plot(plot)
        else:
            truth = _truth(data, judged, truth_column)
            found = _audit(data, plan, truth, options, planting, agree=agree, estimate=estimate)
        if out is not None and not isinstance(found, Path):
            write_audit(found.as_dict(), out)
    show(found, as_json=json, plot=plot, out=out)


def _check_ways(ways: dict[str, object]) -> None:
    """Refuse two ways of auditing at once."""
    from hardneg.errors import RecipeError

    chosen = [name for name, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise RecipeError(f"audit: {' and '.join(chosen)} are different ways to audit; give one of them")


def _check_needs(needs: dict[str, tuple[object, str, object]]) -> None:
    """Refuse options that would do nothing without another."""
    from hardneg.errors import RecipeError

    for name, (value, other, other_value) in needs.items():
        if value is not None and other_value is None:
            raise RecipeError(f"audit: {name} needs {other}; add it, or leave {name} out")


def _check_values(share: float, floor: float, plot: Path | None, write: Path | None) -> None:
    from hardneg.audits.plot import check_plot
    from hardneg.audits.verdicts import check_name
    from hardneg.errors import RecipeError

    if not 0 < share < 1:
        raise RecipeError(f"audit: --share is {share}; set it above 0 and below 1")
    check_floor(floor, "audit")
    if plot is not None:
        check_plot(plot)
    if write is not None:
        check_name(write)


@contextmanager
def _fitting() -> "Iterator[Fit]":
    """Give a function that fits learned filters, each time anew, and forgets them in the end."""
    from tempfile import TemporaryDirectory

    from hardneg.planting.fitting import fit_filters

    with TemporaryDirectory(prefix="hardneg-audit-") as folder:
        numbers = count()
        yield lambda plan, planted: fit_filters(plan, planted, Path(folder) / str(next(numbers)))


def _audit(
    data: "Dataset",
    plan: "Plan",
    truth: "Truth | None",
    options: dict[str, Any],
    planting: dict[str, Any],
    *,
    agree: "Agree",
    estimate: bool,
) -> "Audit":
    from hardneg.audits.judged import audit_judged, unseen_answers
    from hardneg.audits.planted import audit_planted
    from hardneg.costs.bills import audit_bills
    from hardneg.planting.planting import plant_each

    if truth is not None:
        agree(audit_bills(data, [plan], [unseen_answers(data, plan.split, truth)]))
        return audit_judged(data, plan, truth, **options)
    agree(audit_bills(data, [plan], plant_each(data, plan.split, **planting)))
    return audit_planted(data, plan, **options, **planting, estimate=estimate)


def _truth(data: "Dataset", judged: Path | None, column: str | None) -> "Truth | None":
    from hardneg.audits.judged import fuller_labels, truth_of_column

    if judged is not None:
        return fuller_labels(data, judged)
    return None if column is None else truth_of_column(data, column)


def _frontier(
    data: "Dataset",
    plan: "Plan",
    judge: "Scorer | None",
    options: dict[str, Any],
    planting: dict[str, Any],
    agree: "Agree",
) -> "Frontier":
    from hardneg.audits.frontier import frontier
    from hardneg.audits.sweep import sweep, teacher_thresholds
    from hardneg.costs.bills import audit_bills
    from hardneg.planting.planting import plant_each

    variants = sweep(plan, score=options["score"], further=() if judge is None else teacher_thresholds(judge))
    agree(audit_bills(data, variants.values(), plant_each(data, plan.split, **planting)))
    return frontier(data, variants, **options, **planting)


def _read(path: Path, data: "Dataset") -> "Judged":
    from hardneg.audits.sampled import read_sample

    return read_sample(path, data)


def _mined(data: "Dataset", folder: Path | None, *, allow_other_data: bool, quiet: bool) -> "pl.DataFrame | None":
    """Read negatives that were mined; answers among them stay, unless labels were added: they are to be counted."""
    from hardneg.runs.joining import check_data
    from hardneg.runs.parts import read_negatives

    if folder is None:
        return None
    note = check_data(folder, data, allow_other_data=allow_other_data)
    if note and not quiet:
        typer.echo(f"hardneg: {note}", err=True)
    return read_negatives(folder, data, allow_other_data=allow_other_data)


def _negatives(data: "Dataset", plan: "Plan", *, size: int, agree: "Agree") -> "pl.DataFrame":
    """Mine the negatives."""
    from hardneg.costs.bills import mining_bills
    from hardneg.pipeline.mining import mine_plan

    agree(mining_bills(data, plan))
    return mine_plan(data, plan, block_size=size).negatives


def _sample(
    data: "Dataset",
    drawn: "pl.DataFrame",
    *,
    write: Path | None,
    judge: "Scorer | None",
    threshold: float | None,
    agree: "Agree",
) -> "Judged | Path":
    """Write a sample down, or have it judged, or both."""
    from hardneg.audits.sampled import judge as judge_sample
    from hardneg.audits.sampled import write_sample
    from hardneg.costs.bills import estimate_cost

    written = None if write is None else write_sample(drawn, data, write)
    if judge is None or threshold is None:
        return written or Path()
    agree(estimate_cost(judge, data, drawn))
    return judge_sample(drawn, data, judge, threshold=threshold)
