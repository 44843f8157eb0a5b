"""The stage between mining and training: the teachers of a recipe score what was mined."""

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.errors import RecipeError
from hardneg.losses.distilling import needs_logits, needs_teacher, without_teacher
from hardneg.pipeline.folder import RunFolder
from hardneg.pipeline.parts import read_parts
from hardneg.pipeline.scores import pairs_to_score, read_record, score_pairs, scores_file
from hardneg.recipe import Recipe
from hardneg.scoring.protocol import Scorer, Storable
from hardneg.training.batches import training_pairs


def check_teachers(recipe: Recipe) -> None:
    """Make sure that a recipe's teachers and its loss fit each other, and load the teachers.

    Args:
        recipe: What is to be run.

    Raises:
        RecipeError: The loss needs a teacher and there is none, or needs none and there is one, or needs raw scores
            and gets squashed ones; or a row cannot be trained.
        ModelError: A teacher cannot be loaded.
        MissingExtraError: A teacher needs a package that is not installed.
    """
    loss, teachers = recipe.train.loss, recipe.teachers
    if needs_teacher(loss) and not teachers:
        raise RecipeError(f"train.loss: {loss!r} learns from a teacher's scores; say whose with [[teachers]]")
    if teachers and not needs_teacher(loss):
        raise RecipeError(
            f"teachers: train.loss {loss!r} learns from none; take them out, or a loss that does: margin_mse, kl, or a "
            "sum with one of them"
        )
    if "in_batch" in recipe.evaluate.rows and without_teacher(loss) is None:
        raise RecipeError(
            f"evaluate.rows: in_batch is trained without a teacher, and nothing of train.loss {loss!r} is left then; "
            "take in_batch out of the rows, or make the loss a sum with info_nce"
        )
    for teacher in teachers:
        if needs_logits(loss) and getattr(teacher, "activation", None) == "sigmoid":
            raise RecipeError(
                f"teachers: {teacher.name!r} squashes its scores between 0 and 1, but train.loss compares raw ones; "
                'set activation = "identity"'
            )
        _fingerprint(teacher)


def score_stage(recipe: Recipe, dataset: Dataset, negatives: pl.DataFrame, folder: RunFolder) -> pl.DataFrame | None:
    """Have each teacher of a recipe score mined negatives and their queries' positives, once.

    Queries that `train.max_pairs` leaves out under every seed are not scored.

    Args:
        recipe: Its teachers.
        dataset: The texts and labels that are trained on.
        negatives: Columns `query` and `document`.
        folder: The run; scores go to `scores/`, what they are like and what they took to the manifest.

    Returns:
        The scores of all teachers, for `train`; None without a teacher.

    Raises:
        RunError: There is no negative, or a teacher has changed since the run began.
    """
    if not recipe.teachers:
        return None
    files = [scores_file(folder.path, teacher) for teacher in recipe.teachers]
    with folder.stage("score"):
        pairs = pairs_to_score(dataset, _trained_on(recipe, dataset, negatives), split=recipe.mine.split)
        for teacher, file in zip(recipe.teachers, files, strict=True):
            folder.pin(f"teacher {teacher.name!r}", _fingerprint(teacher))
            if not file.exists():
                score_pairs(dataset, pairs, teacher, out=file)
    folder.manifest["teachers"] = [read_record(file) for file in files]
    return pl.concat([read_parts(file, dataset) for file in files])


def _trained_on(recipe: Recipe, dataset: Dataset, negatives: pl.DataFrame) -> pl.DataFrame:
    """Take the negatives of the queries that some seed trains on."""
    split, most = recipe.mine.split, recipe.train.max_pairs
    seeds = recipe.seeds or (recipe.train.seed,)
    queries = [training_pairs(dataset, split, max_pairs=most, seed=seed)[0] for seed in seeds]
    return negatives.filter(np.isin(negatives["query"].to_numpy(), np.concatenate(queries)))


def _fingerprint(teacher: Scorer) -> str:
    return teacher.fingerprint() if isinstance(teacher, Storable) else repr(teacher)
