"""Mining: sources, filters and selection over blocks of queries."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.arguments import check_places, check_tables
from hardneg.data.dataset import Dataset
from hardneg.data.field_mapping import FieldMapping
from hardneg.data.findings import Finding
from hardneg.data.given import check_dataset
from hardneg.engines import Engine, keeping_workers, working_on
from hardneg.errors import InputError, RecipeError, RunError
from hardneg.files import cache_folder, check_folder, write_json
from hardneg.filters import Filter
from hardneg.filters.protocol import Fittable, with_fitted
from hardneg.models.given import Loaded
from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan, mine_block
from hardneg.pipeline.how import plan_from
from hardneg.pipeline.judged_labels import (
    judged_answers,
    named_verdicts,
    use_verdicts,
    verdicts_digest,
    with_verdicts,
)
from hardneg.pipeline.mined import Mined, funnel
from hardneg.pipeline.mining_blocks import MiningBlocks, mine_missing
from hardneg.planting.fitting import fit_filters
from hardneg.progress import task
from hardneg.recipe import Recipe
from hardneg.runs import layout
from hardneg.runs.found import found_answers, read_found, write_found
from hardneg.runs.joining import data_of
from hardneg.runs.lock import writing
from hardneg.runs.mining_findings import mining_findings, write_readings
from hardneg.runs.parts import part_files, read_parts, readable, scan_parts
from hardneg.runs.state import mend_state, read_state, write_state
from hardneg.sources import Source
from hardneg.sources.merge import check_names

_OPTIONAL = ("groups", "verdicts")  # of what identifies a plan, there only where it plays a part


def mine(
    dataset: Dataset,
    *,
    recipe: Recipe | Path | str | None = None,
    preset: str | None = None,
    model: str | Path | Loaded | None = None,
    split: str | None = None,
    sources: Sequence[Source | str | Mapping[str, Any]] | None = None,
    filters: Sequence[Filter | str | Mapping[str, Any]] | None = None,
    select: Selection | Mapping[str, Any] | None = None,
    per_query: int | None = None,
    depth: int | None = None,
    seed: int | None = None,
    block_size: int | None = None,
    verdicts: pl.DataFrame | None = None,
    out: Path | str | None = None,
    engine: Engine | None = None,
) -> Mined:
    """Mine negatives for the queries of a split.

    The rows do not depend on `block_size`, nor on being interrupted and called again with the same `out`.

    Args:
        dataset: What to mine.
        recipe: Where sources, filters and selection come from: a recipe, a file, or the name of one that hardneg
            ships. What is given beside it takes the place of its part; what is None there is the default without one.
        preset: What is hard in a domain: "code", "legal", "conversation" or "recommender"; goes before the recipe.
        model: The model of dense sources that name none.
        split: The queries with a positive in this split are mined for; "train" by default.
        sources: Where candidates come from; by default the dense model. Here and in `filters` a component may
            be named as on the command line, `"dense(max_tokens=128)"`, or given as the table of a recipe.
        filters: Why a candidate may not be a negative; by default near duplicates of a positive and a
            margin below the weakest positive. Labelled positives are always refused.
        select: How negatives are chosen among the rest; by default the top eight.
        per_query: Negatives for each query, in the place of what `select` says.
        depth: Candidates that each source gives a query, at least 1; 100 by default.
        seed: Seed of every random choice; 0 by default.
        block_size: Queries mined at a time; bounds the memory; 4,096 by default. Mining that goes on keeps the size
            it began with.
        verdicts: What people judged, as `read_judged` returns it; taken for labels (`use_verdicts`). The answers
            among them are in `found` too.
        out: Folder for `candidates/` and `negatives/`, written block by block; None keeps all in memory.
        engine: Who does the blocks, and encodes: `Ray(address="auto")` of `hardneg.engines`; None does them here. An
            engine needs `out`, and gives the same bytes.

    Returns:
        The negatives and the counts of what became of every candidate.

    Raises:
        DatasetError: The split does not exist or has no positive.
        RecipeError: There is no source, a name is empty, two sources share one, the documents lack metadata that
            one reads, or an engine has no folder to write to.
        RunError: `out` holds the result of another plan, or is damaged; or the cluster of an engine cannot do it.
    """
    if engine is not None and out is None:
        raise RecipeError("mine: an engine writes what it mined into a folder; give out")
    check_dataset(dataset, purpose="mine")
    check_tables("mine", ("query", "document", "answer"), verdicts=verdicts)
    check_places("mine", out=out)
    plan, settings = plan_from(
        "mine",
        recipe=recipe,
        preset=preset,
        model=model,
        split=split,
        sources=sources,
        filters=filters,
        select=select,
        per_query=per_query,
        depth=depth,
        seed=seed,
        block_size=block_size,
    )
    judged = named_verdicts(settings, dataset) if verdicts is None else verdicts
    with working_on(engine):
        return mine_plan(dataset, plan, block_size=settings.block_size, verdicts=judged, out=out)


def mine_plan(
    dataset: Dataset,
    plan: Plan,
    *,
    block_size: int = 4_096,
    verdicts: pl.DataFrame | None = None,
    out: Path | str | None = None,
) -> Mined:
    """Mine as a plan says."""
    check_names(plan.sources)
    check_folder(None if out is None else Path(out))
    dataset.queries_of(plan.split)  # refused before anything is fitted or written
    plan.check(dataset)
    used, became, labelled = None, None, dataset
    if verdicts is not None:
        used, became = use_verdicts(dataset, verdicts, split=plan.split)
        labelled = with_verdicts(dataset, used, split=plan.split)
    if out is None:
        mined = _mine_in_memory(labelled, plan, block_size, used)
    else:
        with writing(Path(out)), keeping_workers():
            mined = _mine_to(Path(out), labelled, plan, block_size, used, source=dataset)
    return replace(mined, verdicts=became, dataset=dataset, folder=None if out is None else Path(out))


def _mine_in_memory(dataset: Dataset, plan: Plan, block_size: int, used: pl.DataFrame | None) -> Mined:
    plan = _fitted(plan, dataset)
    blocks = [mine_block(dataset, block, plan) for block in _tracked(plan.blocks(dataset, block_size))]
    candidates, negatives = (pl.concat(list(tables)) for tables in zip(*blocks, strict=True))
    counts = _count(candidates.lazy(), negatives.lazy(), dataset, plan)
    positives = found_answers(candidates.lazy()).collect()
    positives = positives if used is None else pl.concat([judged_answers(used), positives])
    return Mined(negatives, counts, positives, plan, findings=mining_findings(counts, dataset, plan))


def _fitted(plan: Plan, dataset: Dataset) -> Plan:
    """Fit what must be fitted, or take it from the cache; a plan without such filters need not be hashed."""
    if not any(isinstance(each, Fittable) for each in plan.filters):
        return plan
    return fit_filters(plan, dataset, cache_folder() / "filters" / plan.key(dataset))


def _mine_to(
    folder: Path, dataset: Dataset, plan: Plan, block_size: int, used: pl.DataFrame | None, *, source: Dataset
) -> Mined:
    """Mine into a folder, which belongs to the dataset without the verdicts (`source`) and to these."""
    judged = {} if used is None else {"verdicts": verdicts_digest(used, dataset)}
    identity = judged | plan.identity(dataset) | {"dataset": source.fingerprint}
    block_size = _claim(folder, identity, block_size, data=data_of(source))
    with _given_up_if_refused(folder):
        plan = fit_filters(plan, dataset, folder / "filters")
        mine_missing(MiningBlocks(dataset, plan, folder, plan.blocks(dataset, block_size)))
    write_readings(folder, dataset, plan)
    with readable(folder):
        counts = _count(scan_parts(folder / "candidates"), scan_parts(folder / "negatives"), dataset, plan)
        write_found(folder, None if used is None else dataset.with_ids(judged_answers(used)))
    findings = mining_findings(counts, dataset, plan)
    _note(folder, plan, findings, source.mapping)
    write_json(folder / layout.FUNNEL, counts)
    negatives = read_parts(folder / "negatives", dataset)
    return Mined(negatives, counts, read_found(folder, dataset), plan, findings=findings)


def _note(folder: Path, plan: Plan, findings: tuple[Finding, ...], mapping: FieldMapping | None) -> None:
    """Write what a report shows beside what identifies a plan: names, findings, and how the dataset was read."""
    path = folder / layout.MINING
    state = read_state(path, keys=()) | {"findings": [asdict(each) for each in findings]}
    state |= {"per_query": plan.select.per_query, "filter_names": [each.name for each in plan.filters]}
    state |= {"models": plan.models}
    with suppress(RecipeError):  # objects of the user's own have no name by which they could be found again
        filters = (with_fitted(each, None) if isinstance(each, Fittable) else each for each in plan.filters)
        state |= {"plan": replace(plan, filters=tuple(filters)).as_table()}
    state |= {} if mapping is None else {"mapping": mapping.as_dict()}
    write_state(path, state)


def _count(candidates: pl.LazyFrame, negatives: pl.LazyFrame, dataset: Dataset, plan: Plan) -> dict[str, Any]:
    return funnel(
        candidates,
        negatives,
        sources=[source.name for source in plan.sources],
        n_queries=len(dataset.queries_of(plan.split)),
        per_query=plan.select.per_query,
    )


def _claim(folder: Path, identity: dict[str, Any], block_size: int, *, data: dict[str, str]) -> int:
    """Write down what is mined into a folder, or check that it is the same as before."""
    path = folder / layout.MINING
    claim = {**identity, "block_size": block_size, **data}
    mend_state(path)
    before = read_state(path, keys=(*(key for key in identity if key not in _OPTIONAL), "block_size"))
    if before:
        keys = dict.fromkeys([*identity, *(key for key in _OPTIONAL if key in before)])
        differing = [key for key in keys if before.get(key) != identity.get(key)]
        if differing:
            raise RunError(
                f"{folder} holds negatives mined with another {', '.join(differing)}; "
                "name another folder, or delete this one to mine anew"
            )
        if not isinstance(before["block_size"], int) or before["block_size"] < 1:
            raise RunError(f"{path} is damaged: block_size is {before['block_size']!r}; delete {folder} to mine anew")
        block_size = before["block_size"]
        if before.items() >= data.items():
            return block_size
    write_state(path, before | claim | {"block_size": block_size})
    return block_size


@contextmanager
def _given_up_if_refused(folder: Path) -> Iterator[None]:
    """Let go of a folder into which nothing could be mined, so that the plan can be mended and tried again."""
    try:
        yield
    except InputError:
        if not part_files(folder / "candidates"):
            (folder / layout.MINING).unlink(missing_ok=True)
            shutil.rmtree(folder / "filters", ignore_errors=True)
        raise


def _tracked(
    blocks: list[Int32[np.ndarray, " queries"]],
) -> Iterator[Int32[np.ndarray, " queries"]]:
    with task("mining", total=sum(map(len, blocks)), unit="queries") as advance:
        for block in blocks:
            yield block
            advance(len(block))
