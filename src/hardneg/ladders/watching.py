"""What is looked at while the rungs of a ladder are trained: its development split, by the measure that decides."""

from dataclasses import replace

from hardneg.data.dataset import Dataset
from hardneg.ladders.rungs import Rung
from hardneg.ladders.splits import Splits
from hardneg.recipe import Recipe, Stage
from hardneg.recipe.watching import check_watch, watch_of


def with_watch(rung: Rung, splits: Splits, dataset: Dataset) -> Rung:
    """Let a rung that is watched look at the ladder's development split, unless it names another."""
    recipe = rung.recipe
    if not rung.is_trained or all(stage.train.watch is None for stage in recipe.stages):
        return rung
    stages = tuple(_watching(stage, recipe, splits, dataset) for stage in recipe.stages)
    if recipe.stage:
        return replace(rung, recipe=replace(recipe, stage=stages))
    return replace(rung, recipe=replace(recipe, train=stages[0].train))


def _watching(stage: Stage, recipe: Recipe, splits: Splits, dataset: Dataset) -> Stage:
    watch = watch_of(stage.train, recipe.evaluate)
    if watch is None:
        return stage
    watch = replace(watch, split=watch.split or splits.dev)
    check_watch(watch, dataset, trained=stage.mine.split, tested=splits.test)
    # Every rung is measured on the whole development split anyway.
    return replace(
        stage, train=replace(stage.train, watch=replace(watch, whole=watch.whole and watch.split != splits.dev))
    )
