"""Audits of a way of mining: by hidden labels, by fuller ones, by a sample that is judged, and of all filters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts, check_whole
from hardneg.audits.frontier import Frontier, frontier
from hardneg.audits.judged import audit_judged, fuller_labels, truth_of_column, unseen_answers
from hardneg.audits.planted import Audit, Fit, audit_planted
from hardneg.audits.plot import check_plot
from hardneg.audits.sampled import JudgedSample, draw, judge, read_sample, write_sample
from hardneg.audits.sweep import sweep, teacher_thresholds
from hardneg.audits.verdict_files import check_name
from hardneg.components import taken
from hardneg.costs.bills import audit_bills, estimate_cost, mining_bills
from hardneg.costs.encoding_bills import encoding_bills
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.endpoints.bill import Agree
from hardneg.engines import Engine, is_here, working_on
from hardneg.errors import RecipeError
from hardneg.files import cache_folder
from hardneg.pipeline.how import How, plan_from, spells_out
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine_plan
from hardneg.place import Place
from hardneg.planting.fitting import fit_filters
from hardneg.planting.planting import plant_each
from hardneg.recipe.rooms import SCORER
from hardneg.runs.lock import writing
from hardneg.runs.record import recording
from hardneg.runs.state import write_audit
from hardneg.scoring import Scorer


@spells_out
def audit(
    dataset: Dataset,
    *,
    seeds: int = 3,
    share: float = 0.5,
    max_queries: int | None = None,
    estimate: bool = False,
    judged: Path | str | None = None,
    truth_column: str | None = None,
    group: str | None = None,
    score: str | None = None,
    out: Path | str | None = None,
    agree: Agree | None = None,
    engine: Engine | None = None,
    **mining: Unpack[How],
) -> Audit:
    """Say how many answers a way of mining hands out as negatives, before any training.

    Labelled positives are hidden, negatives are mined as `hardneg.mine` would mine them, and the hidden answers among
    them are counted. Only queries with at least two positives can be asked. With `judged` or `truth_column` nothing is
    hidden: labels that mining does not see say what an answer is.

    Args:
        dataset: What would be mined.
        seeds: Plantings, each with another seed; the intervals still draw queries, not plantings.
        share: Share of a query's positives that is hidden, above 0 and below 1.
        max_queries: Query texts planted in at most; None plants in all.
        estimate: Whether to estimate contamination with the answers that nobody labelled too.
        judged: A file of qrels in BEIR's layout that knows more than the dataset does.
        truth_column: Metadata that is equal for a query and all that answers it, and for nothing else.
        group: Metadata whose values are drawn together in the intervals.
        score: Source whose score says how hard a negative is; by default the one that the selection reads, else the
            first dense source, else the first source.
        out: Folder to write the result into too, where `hardneg.report` shows it.
        agree: Called with what LLM judges will cost before any is asked; raise in it to stop. None asks nobody.
        engine: Who mines and counts the blocks, and encodes: `Ray(address="auto")` of `hardneg.engines`; None does it
            here.
        **mining: How it would be mined, as for `hardneg.mine`: `sources`, `filters`, `depth`, …

    Returns:
        The audit: figures with intervals, by source, by filter, by group.

    Raises:
        DatasetError: Nothing can be hidden, the labels are of another dataset, or too few hidden answers are left to
            estimate from.
        RecipeError: An argument is of the wrong kind, or no source or no column is called so.
    """
    check_dataset(dataset, purpose="audit")
    check_settings("audit", share=share, seeds=seeds, max_queries=max_queries)
    check_places("audit", judged=judged, out=out)
    check_texts("audit", **{k: v for k, v in (("truth_column", truth_column), ("group", group)) if v is not None})
    if judged is not None and truth_column is not None:
        raise RecipeError("audit: --judged and --truth-column are different ways to audit; give one of them")
    plan, settings = plan_from("audit", **mining)
    options: dict[str, Any] = {"group": group, "score": score, "block_size": settings.block_size}
    with recording(_path(out), "audit"), writing(_path(out)), working_on(engine), fitting() as fit:
        if agree is not None:
            agree(encoding_bills(dataset, plan, split=plan.split))
        if judged is not None or truth_column is not None:
            truth = fuller_labels(dataset, judged) if judged else truth_of_column(dataset, str(truth_column))
            if agree is not None:
                agree(audit_bills(dataset, [plan], [unseen_answers(dataset, plan.split, truth)]))
            result = audit_judged(dataset, plan, truth, fit=fit, **options)
        else:
            planting: dict[str, Any] = {"share": share, "max_queries": max_queries}
            planting["seeds"] = range(plan.seed, plan.seed + seeds)
            if agree is not None:
                agree(audit_bills(dataset, [plan], plant_each(dataset, plan.split, **planting)))
            result = audit_planted(dataset, plan, fit=fit, estimate=estimate, **options, **planting)
        if out is not None:
            write_audit(result.as_dict(), Path(out))
    return result


@spells_out
def audit_filters(
    dataset: Dataset,
    *,
    scorer: Scorer | str | Mapping[str, Any] | None = None,
    seeds: int = 3,
    share: float = 0.5,
    max_queries: int | None = None,
    floor: float = 0.9,
    group: str | None = None,
    score: str | None = None,
    plot: Path | str | None = None,
    out: Path | str | None = None,
    agree: Agree | None = None,
    engine: Engine | None = None,
    **mining: Unpack[How],
) -> Frontier:
    """Audit common settings of all filters on the same plantings: what each costs and buys.

    Args:
        dataset: What would be mined.
        scorer: A teacher whose thresholds are tried too.
        seeds: Plantings, each with another seed.
        share: Share of a query's positives that is hidden, above 0 and below 1.
        max_queries: Query texts planted in at most; None plants in all.
        floor: Least coverage of a setting that is compared with others.
        group: As for `audit`; so are `score`, `out`, `agree` and all that says how to mine.
        score: Source whose score says how hard a negative is.
        plot: An `.svg` or `.html` file to draw the frontier in.
        out: Folder to write the result into too.
        agree: Called with what LLM judges will cost before any is asked.
        engine: Who mines and counts the blocks, as for `audit`.
        **mining: How to mine: `sources`, `filters`, `depth`, …

    Returns:
        One audit a setting; those that give too few queries their number are not compared.

    Raises:
        DatasetError: Nothing can be hidden.
        RecipeError: An argument is of the wrong kind.
    """
    check_dataset(dataset, purpose="audit")
    check_settings("audit", share=share, floor=floor, plot=plot, seeds=seeds, max_queries=max_queries)
    judge = named_scorer(scorer)
    plan, settings = plan_from("audit", **mining)
    planting: dict[str, Any] = {"share": share, "max_queries": max_queries}
    planting["seeds"] = range(plan.seed, plan.seed + seeds)
    with recording(_path(out), "audit"), writing(_path(out)), working_on(engine), fitting() as fit:
        variants = sweep(plan, score=score, further=() if judge is None else teacher_thresholds(judge))
        if agree is not None:
            agree(encoding_bills(dataset, plan, tuple(variants.values()), split=plan.split))
            agree(audit_bills(dataset, variants.values(), plant_each(dataset, plan.split, **planting)))
        options: dict[str, Any] = {"group": group, "score": score, "block_size": settings.block_size, "floor": floor}
        result = frontier(dataset, variants, fit=fit, **options, **planting)
        result.frame()
        if plot is not None:
            result.plot(plot)
        if out is not None:
            write_audit(result.as_dict(), Path(out))
    return result


@spells_out
def audit_sample(
    dataset: Dataset,
    size: int | None = None,
    *,
    read: Path | str | None = None,
    write: Path | str | None = None,
    negatives: Mined | pl.DataFrame | None = None,
    scorer: Scorer | str | Mapping[str, Any] | None = None,
    threshold: float | None = None,
    out: Path | str | None = None,
    agree: Agree | None = None,
    **mining: Unpack[How],
) -> JudgedSample | Path:
    """Draw negatives to be judged, each as likely as any other, or read what was judged.

    Args:
        dataset: What is mined.
        size: Negatives to draw; None reads a sample.
        read: A sample that was filled in.
        write: A `.csv` or `.jsonl` file to write the sample to, for somebody to fill in.
        negatives: What to draw from; None mines.
        scorer: Judges the sample.
        threshold: Lowest score that the scorer gives an answer.
        out: Folder to write the result into too.
        agree: Called with what LLM judges will cost before any is asked.
        **mining: How to mine, as for `audit`.

    Returns:
        The share of answers, or the file that is to be filled in.

    Raises:
        DatasetError: The file is none that can be filled in, or nothing in it is.
        RecipeError: Nothing is said of what to do with the sample, or of where the scorer's answers begin.
    """
    check_dataset(dataset, purpose="audit")
    check_places("audit", read=read, out=out)
    check_settings("audit", write=write, size=size)
    _check_sample(size, read=read, write=write, negatives=negatives, scorer=scorer, threshold=threshold, out=out)
    teacher = named_scorer(scorer)
    plan, settings = plan_from("audit", **mining)
    with recording(_path(out), "audit"), writing(_path(out)):
        if size is None:
            result = read_sample(Path(str(read)), dataset)
        else:
            if negatives is None:
                if agree is not None:
                    agree(encoding_bills(dataset, plan, split=plan.split))
                    agree(mining_bills(dataset, plan))
                negatives = mine_plan(dataset, plan, block_size=settings.block_size)
            table = negatives.negatives if isinstance(negatives, Mined) else negatives
            sample = draw(table, dataset, size, seed=plan.seed)
            written = Path() if write is None else write_sample(sample, dataset, Path(write))
            if teacher is None or threshold is None:
                return written
            if agree is not None:
                agree(encoding_bills(dataset, teacher))
                agree(estimate_cost(teacher, dataset, sample))
            result = judge(sample, dataset, teacher, threshold=threshold)
        if out is not None:
            write_audit(result.as_dict(), Path(out))
    return result


def named_scorer(scorer: object, *, fallbacks: Mapping[str, object] | None = None) -> Scorer | None:
    """Take a scorer as Python gives it, or as it is typed: `cross_encoder(model="…")`."""
    if scorer is None:
        return None
    teacher: Scorer = taken(SCORER, scorer, Place(Path("--scorer")), fallbacks=fallbacks)
    return teacher


@contextmanager
def fitting() -> Iterator[Fit]:
    """Give a function that fits learned filters, each time anew, and forgets them in the end.

    The workers of an engine read what was fitted too, so it lies where they see it.
    """
    place = None if is_here() else cache_folder() / "audits"
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="hardneg-audit-", dir=place) as folder:
        numbers = count()
        yield lambda plan, planted: fit_filters(plan, planted, Path(folder) / str(next(numbers)))


def check_settings(
    purpose: str,
    *,
    share: float = 0.5,
    floor: float = 0.9,
    plot: Path | str | None = None,
    write: Path | str | None = None,
    **whole: int | None,
) -> None:
    """Refuse settings that no audit can have, before anything is read; `whole` are numbers from 1 on, or None."""
    check_whole(purpose, least=1, **{name: value for name, value in whole.items() if value is not None})
    check_places(purpose, plot=plot, write=write)
    if not 0 < share < 1:
        raise RecipeError(f"{purpose}: --share is {share}; set it above 0 and below 1")
    if not 0 <= floor <= 1:
        raise RecipeError(f"{purpose}: --floor is {floor}; set it to 0 or more and at most 1, say 0.9")
    if plot is not None:
        check_plot(Path(plot))
    if write is not None:
        check_name(Path(write))


def _check_sample(
    size: int | None,
    *,
    read: Path | str | None,
    write: Path | str | None,
    negatives: object,
    scorer: object,
    threshold: float | None,
    out: Path | str | None,
) -> None:
    """Refuse options that would do nothing without another."""
    if size is not None and read is not None:
        raise RecipeError("audit: --sample and --read are different ways to audit; give one of them")
    if size is None and read is None:
        raise RecipeError("audit: give --sample, to draw negatives, or --read, to read those that were judged")
    needs: dict[str, tuple[object, str, object]] = {
        "--write": (write, "--sample", size),
        "--negatives": (negatives, "--sample", size),
        "--threshold": (threshold, "--scorer", scorer),
        "--sample": (size, "--write or --scorer", write or scorer),
        "--scorer": (scorer, "--sample or --frontier", size),
        "--out": (out and size, "--scorer, for a sample that nobody judged has no result", scorer),
    }
    for name, (value, other, other_value) in needs.items():
        if value is not None and other_value is None:
            raise RecipeError(f"audit: {name} needs {other}; add it, or leave {name} out")
    if negatives is not None and not isinstance(negatives, Mined):
        check_tables("audit", ("query", "document"), negatives=negatives)
    if size is not None and scorer is not None and threshold is None:
        raise RecipeError("audit: --scorer judges by a threshold; add --threshold, say 0.5")


def _path(out: Path | str | None) -> Path | None:
    return None if out is None else Path(out)
