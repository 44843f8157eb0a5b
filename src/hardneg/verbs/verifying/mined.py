"""Whether what was mined is what its counts, its filters and the labels say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import InputError
from hardneg.filters import apply_filters
from hardneg.filters.apply import ANNOTATIONS
from hardneg.filters.protocol import Fittable, with_fitted
from hardneg.negatives.invariants import problems
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mined import funnel
from hardneg.runs import layout
from hardneg.runs.joining import check_data
from hardneg.runs.parts import read_parts, scan_parts
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked

_SAMPLE = 100  # queries whose candidates are judged again
_VERDICTS = ("dropped_by", "found_by", *ANNOTATIONS)


def check_mined(place: Path, dataset: Dataset | None, *, where: str, full: bool, seed: int) -> Iterator[Checked]:
    """Check one folder that was mined into."""
    mined = read_state(place / layout.MINING, keys=("split", "per_query"))
    yield _counts(place, mined, where)
    if dataset is None:
        yield Checked("labels", where, "not checked", "the dataset is not known; name it with --dataset")
        return
    check_data(place, dataset)
    negatives, candidates = (read_parts(place / name, dataset) for name in ("negatives", "candidates"))
    yield _labels(negatives, candidates, dataset, mined, where)
    yield _verdicts(candidates, dataset, place, mined, where=where, full=full, seed=seed)


def _counts(place: Path, mined: dict[str, Any], where: str) -> Checked:
    written = read_state(place / layout.FUNNEL, keys=("queries", "sources"))
    if not written:
        return Checked("funnel", where, "not checked", "mining is not finished: the same command goes on")
    candidates, negatives = scan_parts(place / "candidates"), scan_parts(place / "negatives")
    names = [name for name in written["sources"] if f"rank.{name}" in candidates.collect_schema()]
    counts = funnel(candidates, negatives, sources=names, n_queries=written["queries"], per_query=mined["per_query"])
    differing = [name for name in counts if counts[name] != written.get(name)]
    if differing:
        return Checked("funnel", where, "wrong", f"{', '.join(differing)} do not follow from the parts")
    return Checked("funnel", where, "fine", f"{counts['candidates']:,} candidates and {counts['selected']:,} negatives")


def _labels(
    negatives: pl.DataFrame, candidates: pl.DataFrame, dataset: Dataset, mined: dict[str, Any], where: str
) -> Checked:
    problem = next(problems(negatives, dataset, per_query=mined["per_query"]), None)
    kept = candidates.filter(pl.col("dropped_by").is_null()).select("query", "document")
    chosen = negatives.filter(pl.col("source") != "fill") if "source" in negatives.columns else negatives
    strays = chosen.join(kept, on=["query", "document"], how="anti").height
    if problem is None and strays:
        problem = f"{strays:,} negatives that no candidate let through is"
    if problem is not None:
        return Checked("labels", where, "wrong", problem)
    return Checked(
        "labels", where, "fine", f"none of {negatives.height:,} negatives is a labelled answer, by id or text"
    )


def _verdicts(
    candidates: pl.DataFrame,
    dataset: Dataset,
    place: Path,
    mined: dict[str, Any],
    *,
    where: str,
    full: bool,
    seed: int,
) -> Checked:
    what = "filters"
    if "verdicts" in mined:
        return Checked(what, where, "not checked", "people's verdicts were labels when it was mined")
    if "plan" not in mined:
        return Checked(what, where, "not checked", "the folder does not hold its plan, or a part of it has no name")
    queries = candidates["query"].unique().sort().to_numpy()
    if not full:
        queries = np.random.default_rng(seed).permutation(queries)[:_SAMPLE]
    rows = candidates.filter(pl.col("query").is_in(queries))
    try:
        plan = _fitted(Plan.from_table(mined["plan"], foreign=True), place)
        again = apply_filters(rows.drop(_VERDICTS, strict=False), dataset, plan.filters)
    except InputError as error:
        return Checked(what, where, "not checked", str(error))
    n_other = int((again["dropped_by"].ne_missing(rows["dropped_by"])).sum())
    scope = f"{rows.height:,} candidates of {len(queries):,} queries"
    if n_other:
        return Checked(what, where, "wrong", f"{n_other:,} of {scope} are judged otherwise than is written")
    return Checked(what, where, "fine", f"{scope} are judged as is written")


def _fitted(plan: Plan, place: Path) -> Plan:
    filters = list(plan.filters)
    for number, each in enumerate(filters):
        if isinstance(each, Fittable):
            filters[number] = with_fitted(each, str((place / "filters" / f"{each.name}-{number}.npz").resolve()))
    return Plan(plan.split, plan.sources, tuple(filters), plan.select, plan.depth, plan.seed)
