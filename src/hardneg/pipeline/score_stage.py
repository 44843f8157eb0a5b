"""The stage between mining and training: the teachers of a recipe score what was mined."""

from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.losses.weighted_sum import needs_logits, needs_teacher, without_teacher
from hardneg.pipeline.scores import pairs_to_score, read_record, score_pairs, scores_file
from hardneg.recipe import Recipe, Stage
from hardneg.runs.done import is_done
from hardneg.runs.folder import RunFolder
from hardneg.runs.parts import read_parts
from hardneg.scoring.protocol import Fingerprinted, Scorer
from hardneg.scoring.store import known_squashed
from hardneg.training.sampling.batches import training_pairs


def check_teachers(recipe: Recipe) -> None:
    """Make sure that a recipe's teachers and its loss fit each other, and load the teachers."""
    teachers, losses = recipe.teachers, [stage.train.loss for stage in recipe.stages]
    for loss in losses:
        if needs_teacher(loss) and not teachers:
            raise RecipeError(f"train.loss: {loss!r} learns from a teacher's scores; say whose with [[teachers]]")
    if teachers and not any(map(needs_teacher, losses)):
        raise RecipeError(
            f"teachers: train.loss {losses[-1]!r} learns from none; take them out, or a loss that does: margin_mse, "
            "kl, or a sum with one of them"
        )
    for stage in recipe.stages:
        if not stage.sources or "in_batch" in recipe.evaluate.rows:
            _check_left(stage, f"{stage.name} is" if not stage.sources else "evaluate.rows: in_batch is")
    for teacher in teachers:
        if any(map(needs_logits, losses)) and known_squashed(teacher):
            way_out = (
                'set activation = "identity"'
                if hasattr(teacher, "activation")
                else "take kl with a teacher_temperature of 0.02 to 0.1 for this teacher"
            )
            raise RecipeError(
                f"teachers: {teacher.name!r} squashes its scores between 0 and 1, but train.loss compares raw ones; "
                f"{way_out}"
            )
        _fingerprint(teacher)


def _check_left(stage: Stage, what: str) -> None:
    """Make sure that something of a loss is left where there is nothing for a teacher to score."""
    if stage.train.in_batch and without_teacher(stage.train.loss) is None:
        raise RecipeError(
            f"{what} trained without a teacher, and nothing of train.loss {stage.train.loss!r} is left then; leave it "
            "out, or make the loss a sum with info_nce"
        )


def score_stage(
    recipe: Recipe, stage: Stage, dataset: Dataset, negatives: pl.DataFrame, folder: RunFolder, *, place: Path
) -> pl.DataFrame | None:
    """Have each teacher of a recipe score a stage's negatives and their queries' positives, once.

    Queries that `train.max_pairs` leaves out under every seed are not scored.
    """
    if not (recipe.teachers and needs_teacher(stage.train.loss)):
        return None
    files = [scores_file(place, teacher) for teacher in recipe.teachers]
    with folder.stage(f"score {place.name}" if recipe.stage else "score"):
        pairs = pairs_to_score(dataset, _trained_on(recipe, stage, dataset, negatives), split=stage.mine.split)
        for teacher, file in zip(recipe.teachers, files, strict=True):
            folder.pin(f"teacher {teacher.name!r}", _fingerprint(teacher))
            if not is_done(file):
                score_pairs(dataset, pairs, teacher, out=file)
    records = [read_record(file) for file in files]
    if recipe.stage:
        folder.manifest.setdefault("scored", {})[place.name] = records
    else:
        folder.manifest["teachers"] = records
    return pl.concat([read_parts(file, dataset) for file in files])


def _trained_on(recipe: Recipe, stage: Stage, dataset: Dataset, negatives: pl.DataFrame) -> pl.DataFrame:
    """Take the negatives of the queries that some seed trains on."""
    split, most = stage.mine.split, stage.train.max_pairs
    seeds = recipe.seeds or (stage.train.seed,)
    queries = [training_pairs(dataset, split, max_pairs=most, seed=seed)[0] for seed in seeds]
    return negatives.filter(np.isin(negatives["query"].to_numpy(), np.concatenate(queries)))


def _fingerprint(teacher: Scorer) -> str:
    return teacher.fingerprint() if isinstance(teacher, Fingerprinted) else repr(teacher)
