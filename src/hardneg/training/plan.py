"""What a run trains on, and in which steps: decided before the first of them."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.data.dataset import Dataset
from hardneg.errors import RunError
from hardneg.training.mixture import Mixture, mixed_order, shares
from hardneg.training.pool.pool import Batch, Pool, build_pool
from hardneg.training.pool.sampling_bias import Counted, Frequency, Streaming
from hardneg.training.sampling.batches import (
    MinedNegatives,
    Negatives,
    assemble,
    dealt_batches,
    epoch_batches,
    even_sizes,
    ordered_batches,
)
from hardneg.training.sampling.curriculum import GradedNegatives
from hardneg.training.sampling.neighbours import Neighbours
from hardneg.training.sampling.replacement import ReplacedNegatives
from hardneg.training.settings import TrainSettings
from hardneg.training.teacher_scores import TeacherScores


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What is trained on."""

    dataset: Dataset
    query: Int32[np.ndarray, " pairs"]  # ascending
    document: Int32[np.ndarray, " pairs"]
    negatives: Negatives
    teacher: TeacherScores | None = None
    frequency: Frequency | None = None
    neighbours: Neighbours | None = None  # if pairs share batches by how near they are
    mixture: Mixture | None = None  # if they are of several datasets

    def at(self, progress: float) -> "TrainingData":
        """Give the data with the negatives as they are drawn at a moment of the run, from 0 to 1."""
        return replace(self, negatives=self.negatives.at(progress))


@dataclass(frozen=True, eq=False)
class Step:
    """The batches between two moves of the weights."""

    epoch: int
    batches: list[Int64[np.ndarray, " rows"]]  # pair numbers
    progress: float = 0.0  # 0 at the first step of the run, 1 at the last
    left_out: int = 0  # pairs of the epoch with nothing to learn; noted at its first step
    passes: tuple[int, ...] = ()  # of each batch, how often its dataset was gone through before; empty: the epoch

    def turns(self) -> Iterator[tuple[Int64[np.ndarray, " rows"], int]]:
        """Give each batch with the number of the pass over its dataset, by which pairs take turns with negatives."""
        return zip(self.batches, self.passes or itertools.repeat(self.epoch), strict=False)

    @property
    def n_pairs(self) -> int:
        """Pairs of all batches."""
        return sum(len(rows) for rows in self.batches)


def serve(table: pl.DataFrame | None, settings: TrainSettings, *, n_queries: int) -> Negatives:
    """Make ready a table of negatives for drawing."""
    per_row = settings.negatives_per_row
    if table is not None and settings.replacement is not None and per_row is not None:
        return ReplacedNegatives(table, settings.replacement, per_row=per_row, n_queries=n_queries)
    if table is None or settings.curriculum is None:
        return MinedNegatives(table, n_queries=n_queries)
    return GradedNegatives(table, settings.curriculum, n_queries=n_queries)


def counted(data: TrainingData, settings: TrainSettings) -> TrainingData:
    """Add what knows how often documents come into the pool, if the settings ask for that; one that watches stays."""
    asked = settings.log_q
    if asked is None or isinstance(data.frequency, Streaming):
        return data
    if asked.estimate == "streaming":
        watching = Streaming(rate=asked.rate, buckets=asked.buckets, tables=asked.tables, seed=settings.seed)
        return replace(data, frequency=watching)
    shared = data.negatives if settings.shared_negatives and isinstance(data.negatives, MinedNegatives) else None
    counts = Counted(
        data.dataset,
        data.query,
        data.document,
        negatives=shared,
        per_row=settings.negatives_per_row,
        batch_size=int(even_sizes(len(data.query), settings.batch_size).max()),
    )
    return replace(data, frequency=counts)


def plan_steps(data: TrainingData, settings: TrainSettings) -> list[Step]:
    """Lay out all epochs, by the pairs and the settings alone, so that a resumed run finds its place.

    A batch in which no pair meets a document that may be its negative would move nothing. If there are such batches,
    the pairs of the epoch are dealt evenly instead, and what still has nothing to learn is left out.
    """
    if not len(data.query):
        raise RunError(
            f"there is no pair of {data.dataset.name} to train on; name a split with positives, or label some"
        )
    steps: list[Step] = []
    most = settings.max_steps
    epochs = range(settings.epochs) if most is None else itertools.count()
    for epoch, drawn in zip(epochs, _epochs(data, settings), strict=False):
        begun = len(steps)
        steps += [
            Step(
                epoch, drawn.batches[at : at + settings.accumulate], passes=drawn.passes[at : at + settings.accumulate]
            )
            for at in range(0, len(drawn.batches), settings.accumulate)
        ]
        steps[begun] = replace(steps[begun], left_out=drawn.left_out)
        if most is not None and len(steps) >= most:
            break
    steps = steps[:most]
    return [replace(step, progress=number / max(1, len(steps) - 1)) for number, step in enumerate(steps)]


def redraw(steps: list[Step], number: int, data: TrainingData, settings: TrainSettings) -> list[Step]:
    """Put the pairs of the steps from a number on into other batches of the same sizes, by who is near whom now.

    Each epoch keeps its pairs, so that every pair is still seen as often as it would have been.
    """
    renewed = steps[:number]
    for epoch, rest in itertools.groupby(steps[number:], key=lambda step: step.epoch):
        left = list(rest)
        batches = [rows for step in left for rows in step.batches]
        sizes = np.array([len(rows) for rows in batches])
        drawn = iter(_clustered(data, np.sort(np.concatenate(batches)), sizes, settings, epoch=epoch))
        renewed += [replace(step, batches=list(itertools.islice(drawn, len(step.batches)))) for step in left]
    return renewed


def _clustered(
    data: TrainingData,
    rows: Int64[np.ndarray, " rows"],
    sizes: Int64[np.ndarray, " batches"],
    settings: TrainSettings,
    *,
    epoch: int,
) -> list[Int64[np.ndarray, " rows"]]:
    """Put some pairs into batches of these sizes, those that are near each other into one."""
    if settings.clusters is None or data.neighbours is None:
        raise ValueError("batches are clustered by neighbours alone")
    links = data.neighbours.links
    among = links if len(rows) == links.shape[0] else links[rows][:, rows]
    order = settings.clusters.order(among, sizes, seed=settings.seed, epoch=epoch)
    repeat = settings.repeat_documents
    return ordered_batches(data.dataset, data.query, data.document, rows[order], sizes, repeat_documents=repeat)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The batches of an epoch."""

    batches: list[Int64[np.ndarray, " rows"]]
    left_out: int  # pairs
    passes: tuple[int, ...] = ()  # as a `Step` has them


def _epochs(data: TrainingData, settings: TrainSettings) -> Iterator[_Drawn]:
    """Draw epoch after epoch, without end."""
    if data.mixture is not None:
        yield from _mixed(data, data.mixture, settings)
    for epoch in itertools.count():
        yield _Drawn(*_epoch(data, settings, epoch))


def _mixed(data: TrainingData, mixture: Mixture, settings: TrainSettings) -> Iterator[_Drawn]:
    """Draw epochs of several datasets, each batch from one; an epoch has as many batches as all datasets have.

    Of a dataset whose turns come more often than it has batches, the next pass begins within the epoch; one with fewer
    turns goes on in the next epoch where it stopped.
    """
    part_of = mixture.part_of(data.query)
    rows_of = [np.flatnonzero(part_of == part) for part in np.unique(part_of)]
    alone = [replace(data, query=data.query[rows], document=data.document[rows], mixture=None) for rows in rows_of]
    counts = shares([len(_epoch(each, settings, 0)[0]) for each in alone], settings.mixing_power)
    streams = [_passes(each, rows, settings) for each, rows in zip(alone, rows_of, strict=True)]
    for epoch in itertools.count():
        order = mixed_order(counts, seed=settings.seed, epoch=epoch)
        batches, passes, left_out = zip(*(next(streams[part]) for part in order), strict=True)
        yield _Drawn(list(batches), sum(left_out), passes)


def _passes(
    data: TrainingData, rows: Int64[np.ndarray, " pairs"], settings: TrainSettings
) -> Iterator[tuple[Int64[np.ndarray, " rows"], int, int]]:
    """Give the batches of one dataset without end: pairs, the pass, and at its first batch what it leaves out."""
    for number in itertools.count():
        batches, left_out = _epoch(data, settings, number)
        for at, batch in enumerate(batches):
            yield rows[batch], number, 0 if at else left_out


def _epoch(data: TrainingData, settings: TrainSettings, epoch: int) -> tuple[list[Int64[np.ndarray, " rows"]], int]:
    """Give the batches of an epoch, and the number of its pairs that are left out."""
    size, seed = settings.batch_size, settings.seed
    if data.neighbours is not None:
        sizes = even_sizes(len(data.query), size)
        return _clustered(data, np.arange(len(data.query)), sizes, settings, epoch=epoch), 0
    batches = epoch_batches(
        data.dataset,
        data.query,
        data.document,
        batch_size=size,
        epoch=epoch,
        seed=seed,
        repeat_documents=settings.repeat_documents,
    )
    if all(_teaching(batches, data, settings)):
        return batches, 0
    dealt = dealt_batches(data.dataset, data.query, data.document, batch_size=size, epoch=epoch, seed=seed)
    teaching_batches = [rows for rows, teaches in zip(dealt, _teaching(dealt, data, settings), strict=True) if teaches]
    if not teaching_batches:  # a matter for `check_plan`
        return batches, 0
    return teaching_batches, len(data.query) - sum(map(len, teaching_batches))


def _teaching(batches: list[Int64[np.ndarray, " rows"]], data: TrainingData, settings: TrainSettings) -> list[bool]:
    """Say of each batch whether some pair in it meets a document that may be its negative.

    Most batches show it by the pair that stands next to another; only the rest is looked at closely.
    """
    if settings.queue is not None or settings.refresh is not None:  # negatives may come from elsewhere, or later
        return [True] * len(batches)
    shown = np.zeros(len(batches), dtype=bool)
    if settings.in_batch:
        rows = np.concatenate(batches)
        beside = np.concatenate([np.roll(each, 1) for each in batches])
        meets = ~data.dataset.is_answer(data.query[rows], data.document[beside])
        np.logical_or.at(shown, np.repeat(np.arange(len(batches)), [len(each) for each in batches]), meets)
    return [
        bool(sure) or _has_own(rows, data, settings) or (settings.in_batch and _meet(rows, data))
        for sure, rows in zip(shown, batches, strict=True)
    ]


def _has_own(rows: Int64[np.ndarray, " rows"], data: TrainingData, settings: TrainSettings) -> bool:
    """Say whether some pair of a batch brings a negative of its query."""
    for query in np.unique(data.query[rows]):
        negatives = data.negatives.draw(int(query), turn=0, per_row=settings.negatives_per_row, seed=settings.seed)
        if not data.dataset.is_answer(np.full(len(negatives), query), negatives).all():
            return True
    return False


def _meet(rows: Int64[np.ndarray, " rows"], data: TrainingData) -> bool:
    """Say whether some pair of a batch meets another's document that does not answer it."""
    query, document = (each.ravel() for each in np.meshgrid(data.query[rows], data.document[rows], indexing="ij"))
    return not data.dataset.is_answer(query, document).all()


def batch_of(data: TrainingData, rows: Int64[np.ndarray, " rows"], *, epoch: int, settings: TrainSettings) -> Batch:
    """Give the pairs of one batch of a step their mined negatives."""
    return assemble(
        rows,
        data.query,
        data.document,
        data.negatives,
        per_row=settings.negatives_per_row,
        epoch=epoch,
        seed=settings.seed,
    )


def pool_of(data: TrainingData, batch: Batch, settings: TrainSettings) -> Pool:
    """Pool the documents of a batch, open to its rows as the settings say; what is near an answer stays closed."""
    near = None if data.neighbours is None else data.neighbours.near
    return build_pool(
        data.dataset, batch, in_batch=settings.in_batch, shared_negatives=settings.shared_negatives, near=near
    )


def check_plan(steps: list[Step], data: TrainingData, settings: TrainSettings) -> None:
    """Make sure that training can move the weights: some pair must meet a negative.

    The search ends at the first such pair, nearly always in the first batch.
    """
    for step in steps:
        for rows, turn in step.turns():
            batch = batch_of(data.at(step.progress), rows, epoch=turn, settings=settings)
            pool = pool_of(data, batch, settings)
            if pool.allowed.sum() > len(batch):
                return
    raise RunError(
        f"nothing can be learned from the {len(data.query)} training pairs: no query is ever scored against a document "
        "that does not answer it; mine negatives (hardneg mine) or give pairs of different queries and documents"
    )
