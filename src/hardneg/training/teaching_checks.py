"""Does a loss that learns from a teacher get the scores that it needs? Asked before training."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.losses.distilling import Distilling, needs_logits, needs_teacher
from hardneg.losses.protocol import Loss
from hardneg.losses.weighted_sum import parts
from hardneg.training.teacher_scores import TeacherScores

# With fewer of its rows taught, a loss of the teacher's alone would leave most of the data out in silence.
_LEAST_TAUGHT = 0.5


def check_taught(
    loss: Loss,
    teacher: TeacherScores | None,
    dataset: Dataset,
    pairs: tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]],
    negatives: pl.DataFrame | None,
) -> None:
    """Make sure that a loss and the teacher's scores fit each other and what is trained on."""
    taught_parts = " and ".join(repr(part) for part in parts(loss) if isinstance(part, Distilling))
    if teacher is None:
        if needs_teacher(loss):
            raise RunError(
                f"{taught_parts} learns from a teacher's scores, and there are none; make them with `hardneg score`, "
                "and hand them to `hardneg train --scores` or train(…, scores=…)"
            )
        return
    if not needs_teacher(loss):
        raise RunError(
            f"there are teacher scores, but {loss!r} learns from none; leave them out, or take a loss that does: "
            "margin_mse, kl, or a sum with one of them"
        )
    if needs_logits(loss) and teacher.squashed:
        raise RunError(
            f"{taught_parts} compares margins of raw scores, but the teacher's are squashed between 0 and 1, where all "
            'sure answers look alike; score again with activation="identity", as `hardneg score` does, or take kl'
        )
    asked, taught = _taught(teacher, dataset, *pairs, negatives)
    if taught.sum() < _LEAST_TAUGHT * max(1, asked.sum()):
        kind, other = ("", "another document") if negatives is None else (" with mined negatives", "one of them")
        raise RunError(
            f"of {asked.sum():,} training pairs{kind} only {taught.sum():,} have a teacher's score for the positive "
            f"and for {other}; score what is trained on: hardneg score DATASET --negatives RUN"
        )


def _taught(
    teacher: TeacherScores,
    dataset: Dataset,
    query: Int32[np.ndarray, " pairs"],
    document: Int32[np.ndarray, " pairs"],
    negatives: pl.DataFrame | None,
) -> tuple[Bool[np.ndarray, " pairs"], Bool[np.ndarray, " pairs"]]:
    """Mark the pairs that could be taught, and those whose positive is scored and something else of their query."""
    own_text, texts = dataset.query_text_group[query], dataset.text_group
    positive = teacher.pairs.contains(own_text, texts[document])
    if negatives is None:
        n_scored = np.bincount(teacher.pairs.keys // teacher.pairs.width, minlength=dataset.n_queries)
        return np.ones(len(query), dtype=bool), positive & (n_scored[own_text] > 1)
    mined = dataset.query_text_group[negatives["query"].to_numpy()]
    scored = teacher.pairs.contains(mined, texts[negatives["document"].to_numpy()])
    return np.isin(own_text, mined), positive & np.isin(own_text, mined[scored])
