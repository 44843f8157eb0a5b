"""Whether what was mined is what its counts, its filters and the labels say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import InputError, RunError
from hardneg.filters import apply_filters
from hardneg.filters.apply import ANNOTATIONS
from hardneg.filters.protocol import Fittable, with_fitted
from hardneg.negatives.invariants import problems
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mined import funnel
from hardneg.runs import layout
from hardneg.runs.found import found_answers
from hardneg.runs.joining import check_data
from hardneg.runs.parts import read_parts, read_table, scan_parts
from hardneg.runs.state import read_state
from hardneg.verbs.verifying.checks import Checked
from hardneg.verbs.verifying.data import fitting

_SAMPLE = 100  # queries whose candidates are judged again
_VERDICTS = ("dropped_by", "found_by", *ANNOTATIONS)


def check_mined(place: Path, datasets: list[Dataset], *, where: str, full: bool, seed: int) -> Iterator[Checked]:
    """Check one folder that was mined into, from one of several datasets."""
    mined = read_state(place / layout.MINING, keys=("split", "per_query"))
    if not isinstance(mined["per_query"], int) or mined["per_query"] < 1:
        raise RunError(f"{place / layout.MINING}: per_query is {mined['per_query']!r}, not a number of negatives")
    dataset = fitting(datasets, mined.get("dataset"))
    yield _counts(place, mined, where)
    yield from _found(place, mined, where)
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
    if _shown(place) not in (None, written):
        return Checked("funnel", where, "wrong", f"{layout.MANIFEST} shows other counts than {layout.FUNNEL}")
    return Checked("funnel", where, "fine", f"{counts['candidates']:,} candidates and {counts['selected']:,} negatives")


def _shown(place: Path) -> dict[str, Any] | None:
    """Read the counts that the manifest of the run shows; None if there is none that does."""
    if place.parent.name == "stages":
        manifest = read_state(place.parents[1] / layout.MANIFEST, keys=())
        shown: dict[str, Any] | None = manifest.get("mined", {}).get(place.name, {}).get("funnel")
        return shown
    return read_state(place / layout.MANIFEST, keys=()).get("funnel")


def _found(place: Path, mined: dict[str, Any], where: str) -> Iterator[Checked]:
    """Compare the answers that were found with the candidates that say so; people's verdicts come on top."""
    if not (place / layout.FOUND).exists():
        return
    keys = ["query_id", "doc_id"]
    kept, candidates = read_table(place / layout.FOUND), scan_parts(place / "candidates")
    has_finders = "found_by" in candidates.collect_schema()
    again = found_answers(candidates, keys=("query_id", "doc_id")).collect() if has_finders else kept.clear()
    lacking = again.join(kept, on=keys, how="anti", nulls_equal=True).height
    n_strays = 0 if "verdicts" in mined else kept.join(again, on=keys, how="anti", nulls_equal=True).height
    if lacking or n_strays:
        yield Checked("found answers", where, "wrong", f"{lacking + n_strays:,} do not follow from the candidates")
    else:
        yield Checked("found answers", where, "fine", f"{kept.height:,} follow from the candidates")


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
