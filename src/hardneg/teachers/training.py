"""Training a teacher: one cross-encoder a fold, each without the queries of its fold."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.errors import Interrupted, RunError
from hardneg.files import write_json
from hardneg.models.loading import choose_precision
from hardneg.progress import task
from hardneg.runs.done import is_done
from hardneg.runs.lock import writing
from hardneg.runs.record import recording
from hardneg.scoring.cross_fitted import CrossFittedTeacher, weak_teacher
from hardneg.scoring.folds import FoldTable, assign_folds
from hardneg.sources import Source
from hardneg.teachers.fit import fit
from hardneg.teachers.folder import TeacherFolder
from hardneg.teachers.pairs import LabelledPairs, labelled_pairs
from hardneg.teachers.reranking import rerank
from hardneg.teachers.settings import TeacherSettings
from hardneg.teachers.start import load_start, weights_fingerprint
from hardneg.training.interruption import noticing_signals


@dataclass(frozen=True)
class Taught:
    """A finished teacher."""

    path: Path
    n_folds: int
    n_positives: int  # each shown to all models but one, as are the negatives
    n_negatives: int
    loss: float  # mean over steps and models
    seconds: float  # of training, earlier tries included
    evaluation: dict[str, Any] | None = None  # how it re-ranked queries that it never saw, if that was measured

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with it."""
        weak = weak_teacher(self.path, self.evaluation)
        return [] if weak is None else [weak]

    def as_dict(self) -> dict[str, Any]:
        """Give everything by name, for machines."""
        return {**asdict(self), "path": str(self.path), "findings": [asdict(each) for each in self.findings]}


def train_teacher(
    model: str | Path,
    dataset: Dataset,
    negatives: pl.DataFrame,
    *,
    settings: TeacherSettings | None = None,
    split: str = "train",
    out: Path | str,
    first_stage: Source | None = None,
    depth: int = 50,
    max_queries: int | None = 200,
    address: str | None = None,
) -> Taught:
    """Train a cross-encoder for each fold of the queries, on the pairs of all other folds, and measure them.

    A finished fold is not done again: called with the same inputs, an interrupted teacher goes on with the fold that
    was under way, from its beginning, and ends with the same weights as one that was never stopped (on a CPU).

    Args:
        model: Hub id, folder, or `package:NAME/FOLDER` of any encoder or of a cross-encoder with one label.
        dataset: Texts and labels.
        negatives: Mined negatives, columns `query` and `document` (positions).
        settings: How to train; None takes the defaults.
        split: Whose positives to train on.
        out: Folder of the teacher.
        first_stage: A source whose results for queries of the split are re-ranked; None measures nothing.
        depth: Results of the first stage to re-rank, at least 10.
        max_queries: Queries to re-rank for, by a seeded choice; None takes all.
        address: What `hardneg status` calls the dataset.

    Returns:
        Where the teacher is, what it took, and how it re-ranked.

    Raises:
        DatasetError: The split does not exist or has no positive, or queries have no such group column.
        ModelError: The model cannot be loaded.
        RunError: There are no negatives, too few queries for the folds, `out` holds something else, or the loss is no
            longer a number.
        Interrupted: SIGINT or SIGTERM came; finished folds were kept.
    """
    settings, out = settings or TeacherSettings(), Path(out)
    with recording(out, "teacher train", dataset=address), writing(out):
        result = _trained(model, dataset, negatives, settings, split=split, out=out)
        if first_stage is None:
            return result
        teacher, seed = CrossFittedTeacher(out, precision=settings.precision), settings.seed
        reranking = rerank(dataset, first_stage, teacher, split=split, depth=depth, max_queries=max_queries, seed=seed)
        figures = reranking.figures(seed=seed)
        write_json(out / "evaluation.json", figures)
    return replace(result, evaluation=figures)


def _trained(
    model: str | Path, dataset: Dataset, negatives: pl.DataFrame, settings: TeacherSettings, *, split: str, out: Path
) -> Taught:
    pairs = labelled_pairs(dataset, negatives, split=split, settings=settings)
    fold = assign_folds(dataset, settings.folds, seed=settings.seed, group=settings.group)
    _check_folds(fold, pairs, settings)
    queries = dataset.queries_of(split)
    table = FoldTable.record(dataset, queries, fold[queries], group=settings.group)

    start = load_start(model, max_tokens=settings.max_tokens, seed=settings.seed)
    folder = TeacherFolder(out)
    inputs = {
        "model": weights_fingerprint(start),
        "dataset": dataset.fingerprint,
        "split": split,
        "pairs": pairs.digest(),
        "assignment": hashlib.blake2b(table.rows["fold"].to_numpy().tobytes(), digest_size=16).hexdigest(),
        **asdict(settings),
        "precision": choose_precision(settings.precision, start.device),
    }
    record = folder.open(inputs, table, settings)
    with noticing_signals() as asked_to_stop:
        for number in range(settings.folds):
            if str(number) not in record["folds"] or not is_done(folder.model(number)):
                shown = pairs.where(fold[pairs.query] != number)
                start = load_start(model, max_tokens=settings.max_tokens, seed=settings.seed)
                entry = _fold(start, dataset, shown, settings, number=number, asked_to_stop=asked_to_stop)
                folder.keep(record, number, start, entry)
    done = [record["folds"][str(number)] for number in range(settings.folds)]
    return Taught(
        path=folder.path,
        n_folds=settings.folds,
        n_positives=pairs.n_positives,
        n_negatives=pairs.n_negatives,
        loss=float(np.mean([entry["loss"] for entry in done])),
        seconds=float(sum(entry["seconds"] for entry in done)),
    )


def _fold(
    model: Any,  # noqa: ANN401 - a CrossEncoder, whose class carries no types
    dataset: Dataset,
    pairs: LabelledPairs,
    settings: TeacherSettings,
    *,
    number: int,
    asked_to_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Train the model of one fold in place; returns what to record of it."""
    started = time.perf_counter()
    name = f"teacher without fold {number} of {settings.folds}"
    with task(name, total=len(pairs) * settings.epochs, unit="pairs") as advance:
        loss = fit(model, dataset, pairs, settings=settings, advance=advance, asked_to_stop=asked_to_stop)
    if asked_to_stop():
        raise Interrupted(
            f"stopped while training the {name}; the {number} finished before it are kept, and the same command "
            "begins this one anew"
        )
    return {
        "model": f"fold-{number}",
        "fingerprint": weights_fingerprint(model),
        "n_positives": pairs.n_positives,
        "n_negatives": pairs.n_negatives,
        "loss": loss,
        "seconds": round(time.perf_counter() - started, 3),
    }


def _check_folds(fold: Int32[np.ndarray, " queries"], pairs: LabelledPairs, settings: TeacherSettings) -> None:
    """Make sure that every model is shown both labels, and that every model has somebody to judge."""
    n_queries = len(np.unique(pairs.query))
    for number in range(settings.folds):
        shown = pairs.where(fold[pairs.query] != number)
        if len(shown) == len(pairs) or shown.n_positives == 0:
            by = f", which stay together by {settings.group}," if settings.group else ""
            raise RunError(
                f"too few queries for {settings.folds} folds: of {n_queries} queries{by} fold {number} got "
                f"{'all' if len(shown) < len(pairs) else 'none'}; take fewer folds, another seed or more queries"
            )
        if shown.n_positives == len(shown):
            raise RunError(
                f"too few negatives for {settings.folds} folds: all {pairs.n_negatives} belong to queries "
                f"of fold {number}; mine more, with a looser filter, or take another seed"
            )
