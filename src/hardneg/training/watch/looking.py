"""Measuring the weights of the moment, and what follows: the best are kept, training stops or goes on."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float32, Int32

from hardneg.data.dataset import Dataset
from hardneg.evaluation.metrics import PRIMARY, parsed
from hardneg.evaluation.retrieval import Evaluation, evaluate
from hardneg.files import replacing_folder
from hardneg.models.own_code import save_model
from hardneg.models.towers import Limits, set_token_limits, token_limits
from hardneg.progress import note, silent, task
from hardneg.runs.log import event
from hardneg.search.exact import exact_topk
from hardneg.sources import Dense
from hardneg.sources.retrieval import retrieval_table
from hardneg.training.passes.embedding import TwoTowers, live_vectors
from hardneg.training.plan import Step
from hardneg.training.session import Session
from hardneg.training.settings import TrainSettings
from hardneg.training.watch.curve import Curve, Look, is_spent
from hardneg.training.watch.sample import Sample, draw_sample
from hardneg.training.watch.settings import Watch

_DEPTH = 100  # documents of a ranking where the measure has no cut-off


@dataclass(frozen=True, eq=False)
class Live:
    """A source that ranks with the weights of the moment; nothing is kept."""

    towers: TwoTowers
    dataset: Dataset
    name: str = "watch"

    def retrieve(self, dataset: Dataset, block: Int32[np.ndarray, " queries"], depth: int) -> pl.DataFrame:
        """Rank all documents."""
        queries, documents = self._vectors
        return retrieval_table(block, *exact_topk(queries[block], documents, min(depth, dataset.n_documents)))

    @cached_property
    def _vectors(self) -> tuple[Float32[np.ndarray, "queries dim"], Float32[np.ndarray, "documents dim"]]:
        return live_vectors(self.towers, self.dataset.query_texts, self.dataset.document_texts)


class Watcher:
    """Looks at a model while it is trained.

    One process measures; all read what it wrote, so that all of them stop where it says.
    """

    def __init__(self, session: Session, steps: Sequence[Step], watch: Watch, *, limits: Limits) -> None:
        self._session, self._watch, self._limits = session, watch, limits
        self._epochs = [step.epoch for step in steps]
        self._due, self._curve = watch.due(self._epochs), Curve(session.folder.path)
        self._sample: Sample | None = None
        self._looks: list[Look] = []

    def open(self, dataset: Dataset, *, split: str) -> None:
        """Choose what is looked at, and take up the curve where the latest checkpoint left it."""
        if self._leads:
            self._sample = draw_sample(self._watch, dataset, split=split)
            event("watch", split=split, sample=str(self._sample.about))
            self._curve.begin(self._sample.about, self._watch, measure=self._measure, steps=len(self._epochs))
            self._curve.cut(self._session.done)
        self._read()

    @property
    def is_spent(self) -> bool:
        """Whether training shall stop for want of a new best."""
        return is_spent(self._looks, self._watch.patience)

    def look(self, step: int) -> None:
        """Measure after a step, if a look is due and was not taken before."""
        if step not in self._due or any(each.step == step for each in self._looks):
            return
        if self._leads and self._sample is not None:
            self._take(step, self._sample)
        self._read()

    @property
    def kept_weights(self) -> Path | None:
        """The folder of the weights that shall be the trained model; None for those that training ended with."""
        if self._watch.keep == "last" or not self._looks:
            return None
        return self._curve.weights(self._looks[-1].best)

    @property
    def _leads(self) -> bool:
        return self._session.accelerator.is_main_process

    @property
    def _measure(self) -> str:
        return self._watch.measure or PRIMARY

    def _take(self, step: int, sample: Sample) -> None:
        started, session = time.perf_counter(), self._session
        with task(f"looking at {sample.about.split}", total=1, unit="looks") as advance, silent():
            values = measured(sample, session.accelerator.unwrap_model(session.towers), self._measure)
            advance(1)
        value = float(values["value"].to_numpy().mean())
        if self._watch.keep == "best" and all(value > look.value for look in self._looks):
            self._save(step)  # first: where a line says that a look is the best, its weights are there
        seconds = time.perf_counter() - started
        look = Look.after(self._looks, step, self._epochs_done(step), value, seconds=seconds)
        self._curve.add(look, values)
        event("look", measure=self._measure, **asdict(look))
        if session.settings.trackers:
            session.accelerator.log({f"{sample.about.split}/{self._measure}": value}, step=step)

    def _epochs_done(self, step: int) -> float:
        if not step:
            return 0.0
        epoch = self._epochs[step - 1]
        begun = self._epochs.index(epoch)
        return epoch + (step - begun) / self._epochs.count(epoch)

    def _read(self) -> None:
        self._session.accelerator.wait_for_everyone()
        self._looks = self._curve.looks()
        if self._looks:
            last = self._looks[-1]
            best = next(look for look in self._looks if look.step == last.best)
            note("training", f"{self._measure} {last.value:.4f}, best {best.value:.4f} at step {best.step:,}")

    def _save(self, step: int) -> None:
        """Keep the weights of this look, and of the best at the latest checkpoint, from which a killed run goes on."""
        model = self._session.accelerator.unwrap_model(self._session.towers).model
        cut = token_limits(model)
        set_token_limits(model, self._limits)
        with replacing_folder(self._curve.weights(step)) as temporary:
            save_model(model, temporary)
        set_token_limits(model, cut)
        checkpoint = self._session.folder.latest() or 0
        before = [look.best for look in self._looks if look.step <= checkpoint]
        self._curve.forget_weights(but=[step, *before[-1:]])


def watcher_for(
    session: Session, steps: Sequence[Step], dataset: Dataset, *, split: str | None, limits: Limits
) -> Watcher | None:
    """Make ready to look at a split while training; None if the settings do not ask for it."""
    if session.settings.watch is None or split is None:
        return None
    watcher = Watcher(session, steps, session.settings.watch, limits=limits)
    watcher.open(dataset, split=split)
    return watcher


def measured(sample: Sample, towers: TwoTowers, measure: str) -> pl.DataFrame:
    """Measure each query of a sample with the weights of the moment: `query_id`, `value`."""
    evaluation = evaluate(
        sample.dataset,
        Live(towers, sample.dataset),
        split=sample.about.split,
        depth=depth_for(measure),
        exclude=sample.exclude,
        measures=[measure],
    )
    return evaluation.per_query.select("query_id", value=measure)


def measure_whole(path: Path, dataset: Dataset, settings: TrainSettings, *, split: str, out: Path) -> Evaluation:
    """Measure a trained model on all queries of a split against all documents, cut as in training."""
    watch = settings.watch or Watch()
    measure = watch.measure or PRIMARY
    model = Dense(
        model=str(path),
        max_tokens=settings.max_tokens,
        precision=settings.precision,
        trust_remote_code=settings.trust_remote_code,
    )
    evaluation = evaluate(
        dataset,
        model,
        split=split,
        depth=depth_for(measure),
        name=f"watched on {split}",
        exclude=watch.exclude,
        primary=measure,
    )
    evaluation.write(out)
    return evaluation


def depth_for(measure: str) -> int:
    """Say how deep rankings must be for a measure."""
    one = parsed(measure)
    return max(_DEPTH, one["cutoff"] if "cutoff" in one.params else 0)
