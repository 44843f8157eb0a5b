"""Measuring the rows of a run's table: on its own dataset, and on further ones that have the split to test on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.engines import keeping_workers
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import Row
from hardneg.pipeline.also import Further
from hardneg.pipeline.chain import training_place
from hardneg.recipe import FromCode, FromPython, Recipe
from hardneg.recipe.trust import measuring_with
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.folder import RunFolder
from hardneg.runs.layout import Seeded, StageKey
from hardneg.runs.parts import read_table
from hardneg.sources import Dense, Source
from hardneg.sources.bm25 import bm25_of


def baselines(recipe: Recipe) -> dict[str, Source]:
    """Give what stands beside the trained models without a training of its own."""
    sources = [source for stage in recipe.stages for source in stage.sources]
    systems: dict[str, Source] = {
        "bm25": bm25_of(sources, code=isinstance(recipe.dataset, FromPython | FromCode)),
        "zero_shot": measuring_with(recipe.model, recipe),
    }
    return {name: system for name, system in systems.items() if name in recipe.evaluate.rows}


def measured(
    name: str, system: Source, recipe: Recipe, dataset: Dataset, folder: RunFolder, *, at: Path | None = None
) -> pl.DataFrame:
    """Measure a system once, and give the values of each query; `at` is the folder of a further dataset."""
    place = (at or folder.path) / "evaluation" / name
    if not is_done(place / layout.METRICS, place / layout.PER_QUERY):
        with folder.stage(str(StageKey("evaluate", Seeded(name)))):
            with keeping_workers():
                result = evaluate(dataset, system, split=recipe.evaluate.split, name=name, **recipe.evaluate.options)
            result.write(place)
    return read_table(place / layout.PER_QUERY)


def elsewhere(
    rows: Sequence[Row], further: Sequence[Further], recipe: Recipe, folder: RunFolder, *, seeds: Sequence[int]
) -> dict[str, list[Row]]:
    """Measure what was measured on each further dataset with the split to test on, with the prompts given for it."""
    systems = baselines(recipe)
    results = {}
    for each in further:
        if recipe.evaluate.split not in each.dataset.splits:
            continue
        at = folder.path / layout.ALSO / each.folder
        results[each.folder] = [
            Row(
                row.name,
                [
                    measured(name, _prompted(system, each), recipe, each.dataset, folder, at=at)
                    for name, system in _systems(row.name, systems, recipe, folder, seeds=seeds)
                ],
                row.measure,
            )
            for row in rows
        ]
    return results


def _systems(
    row: str, systems: Mapping[str, Source], recipe: Recipe, folder: RunFolder, *, seeds: Sequence[int]
) -> Iterator[tuple[str, Source]]:
    """Give what a row was measured with, and the name of each evaluation."""
    if row in systems:
        yield row, systems[row]
        return
    for seed in seeds:
        yield str(Seeded(row, seed)), measuring_with(str(training_place(folder, row, seed) / "model"), recipe)


def _prompted(system: Source, further: Further) -> Source:
    return replace(system, **further.prompts) if isinstance(system, Dense) else system
