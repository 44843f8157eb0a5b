"""What is refused before training: packages that lack, tables that do not fit the dataset, the loss or the settings."""

import importlib.util

import numpy as np
import polars as pl
from jaxtyping import Bool, Int32

from hardneg.data.dataset import Dataset
from hardneg.errors import MissingExtraError, RunError
from hardneg.losses.protocol import Distilling, Loss
from hardneg.losses.weighted_sum import needs_logits, needs_teacher, parts
from hardneg.training.sampling.batches import check_positions, weight_of
from hardneg.training.sampling.clusters import check_partition
from hardneg.training.sampling.curriculum import Curriculum, graded_by
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores

# With fewer of its rows taught, a loss of the teacher's alone would leave most of the data out in silence.
_LEAST_TAUGHT = 0.5

Pairs = tuple[Int32[np.ndarray, " pairs"], Int32[np.ndarray, " pairs"]]


def check(
    settings: TrainSettings,
    dataset: Dataset,
    negatives: pl.DataFrame | None,
    teacher: TeacherScores | None,
    *,
    pairs: Pairs,
) -> None:
    """Make sure that a run can do what its settings ask for with what it is given, before anything is loaded."""
    check_extras(settings)
    check_negatives(negatives, dataset)
    for name in ("curriculum", "replacement"):
        if negatives is None and getattr(settings, name) is not None:
            raise RunError(f"a {name} needs mined negatives; mine some, or train without it")
    if negatives is not None and settings.curriculum is not None:
        check_graded(negatives, settings.curriculum)
    check_taught(settings.loss, teacher, dataset, pairs, negatives)


def check_extras(settings: TrainSettings) -> None:
    """Make sure that every tracker asked for is installed, PEFT for adapters, and pymetis for clusters by METIS."""
    for tracker in settings.trackers:
        if importlib.util.find_spec(tracker) is None:
            raise MissingExtraError(tracker, extra=tracker, purpose=f"the tracker {tracker!r}")
    if settings.clusters is not None:
        check_partition(settings.clusters)
    if settings.lora is not None and importlib.util.find_spec("peft") is None:
        raise MissingExtraError("peft", extra="peft", purpose="the setting 'lora'")


def check_negatives(negatives: pl.DataFrame | None, dataset: Dataset) -> None:
    """Make sure that a table of negatives fits a dataset."""
    if negatives is None:
        return
    check_positions(negatives, dataset, kind="negatives", made="mined")
    _check_weights(negatives, dataset)


def _check_weights(negatives: pl.DataFrame, dataset: Dataset) -> None:
    if "weight" not in negatives.columns:
        return
    if not negatives.schema["weight"].is_numeric() and negatives["weight"].null_count() < negatives.height:
        raise RunError(
            f"column 'weight' of the table of negatives must hold numbers in [0, 1], not {negatives.schema['weight']}"
        )
    weight = negatives.select(weight_of(negatives))["weight"]
    wrong = (~weight.is_between(0, 1) | weight.is_nan()).arg_true()
    if len(wrong):
        row = negatives.row(wrong[0], named=True)
        query, document = dataset.queries["id"][row["query"]], dataset.documents["id"][row["document"]]
        raise RunError(
            f"row {wrong[0] + 1} of the table of negatives, query {query!r} and document {document!r}, has weight "
            f"{row['weight']}; weights must be in [0, 1] (1 less the chance that the document is an answer)"
        )


def check_graded(table: pl.DataFrame, curriculum: Curriculum) -> None:
    """Make sure that a curriculum can be followed with a table of negatives."""
    for column in graded_by(curriculum):
        if column not in table.columns:
            raise RunError(
                f"the curriculum needs the column {column!r} of the table of negatives, which has: "
                f"{', '.join(table.columns)}; hand over the whole table that mining made"
            )
    sources = table["source"].unique().sort().to_list() if curriculum.shares else []
    for source in curriculum.shares or {}:
        if source not in sources:
            raise RunError(
                f"the curriculum names the source {source!r}, but the negatives come from: "
                f"{', '.join(sources) or 'none'}; name one of these, or mine with a quota for it (select.quotas)"
            )
    if curriculum.cuts and not table["score"].is_not_null().any():
        raise RunError(
            "the curriculum has a window of hardness, but no negative has a score; mine with a source that scores, "
            "and name it in select.score if the random or judged ones shall be graded too"
        )


def check_taught(
    loss: Loss,
    teacher: TeacherScores | None,
    dataset: Dataset,
    pairs: Pairs,
    negatives: pl.DataFrame | None,
) -> None:
    """Make sure that a loss and the teacher's scores fit each other and what is trained on: half of it at least."""
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
    asked, has_score = _taught(teacher, dataset, *pairs, negatives)
    if has_score.sum() < _LEAST_TAUGHT * max(1, asked.sum()):
        kind, other = ("", "another document") if negatives is None else (" with mined negatives", "one of them")
        raise RunError(
            f"of {asked.sum():,} training pairs{kind} only {has_score.sum():,} have a teacher's score for the positive "
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
