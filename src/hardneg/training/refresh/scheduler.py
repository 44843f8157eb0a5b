"""The negatives in force at each step of a run, renewed as its settings ask."""

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from hardneg.arrays import Rows, Scores
from hardneg.checksums import checked
from hardneg.files import replacing
from hardneg.models.own_code import save_model
from hardneg.models.towers import Limits, set_token_limits, token_limits
from hardneg.runs import layout
from hardneg.training.passes.embedding import live_scores
from hardneg.training.plan import Step, TrainingData, counted, redraw, serve
from hardneg.training.refresh.mine import Job, keep_first_candidates, mine_round, rescore_round
from hardneg.training.refresh.neighbours import Drawing
from hardneg.training.refresh.settings import Work
from hardneg.training.refresh.store import Refreshed, Report, in_force
from hardneg.training.refresh.worker import Miner
from hardneg.training.sampling.neighbours import Neighbours
from hardneg.training.sampling.replacement import ReplacedNegatives
from hardneg.training.session import Session


class Supply:
    """What is trained on from one step to the next.

    Which round of negatives is in force follows from `refresh.jsonl`, cut back to the checkpoint: so a run that goes on
    has the negatives of one that was never stopped. Under several processes the first one mines and all read its
    tables.
    """

    def __init__(
        self,
        session: Session,
        data: TrainingData,
        steps: list[Step],
        negatives: pl.DataFrame | None,
        *,
        job: Job | None,
        drawing: Drawing | None,
        limits: Limits,
    ) -> None:
        self.data, self.steps, self._negatives = data, steps, negatives
        self._session, self._job, self._limits = session, job, limits
        self._drawing = drawing if drawing is not None and drawing.follows else None
        refresh = session.settings.refresh
        self._due = refresh.due([step.epoch for step in steps]) if refresh else {}
        self._miner = Miner(job) if refresh and job and refresh.mode == "async" else None

    def __enter__(self) -> Self:
        """Take up the negatives where the latest checkpoint left them."""
        if self._job is not None and self._negatives is not None:
            self._open_rounds(self._job, self._negatives)
        if self._drawing is not None:
            self._open_drawing(self._drawing)
        self._cut_replacements()
        self._enter()
        return self

    def __exit__(self, *_: object) -> None:
        """End the second process, if there is one."""
        if self._miner is not None:
            self._miner.stop()

    def renew(self, number: int, *, seconds: float) -> bool:
        """Bring the negatives up to date before a step, and with them who shares a batch."""
        renewed = self._refresh(self._job, number, seconds) if self._job is not None else number in self._due
        if renewed and self._drawing is not None:
            towers, accelerator = self._session.towers, self._session.accelerator
            self._redraw(number, self._drawing.draw(number, towers, accelerator))
        self._replace(number)
        return renewed

    @property
    def _leads(self) -> bool:
        return self._session.accelerator.is_main_process

    def _open_rounds(self, job: Job, negatives: pl.DataFrame) -> None:
        if self._leads:
            job.rounds.cut(self._session.done)
            job.rounds.forget(but={0, *in_force(job.rounds.records())})
            if not job.rounds.is_there(0):
                if job.keeps_candidates:
                    keep_first_candidates(job)
                job.rounds.finish(0, negatives, Report(0.0, None, None, None))
        self._session.accelerator.wait_for_everyone()
        if job.rounds.records():
            self._take(job, anew=False)

    def _open_drawing(self, drawing: Drawing) -> None:
        """Draw batches anew as often as the steps that are done did."""
        if self._leads:
            drawing.cut(self._session.done)
        self._session.accelerator.wait_for_everyone()
        for number in drawing.steps()[1:]:
            self._redraw(number, drawing.read(number))

    def _redraw(self, number: int, neighbours: Neighbours) -> None:
        self.data = replace(self.data, neighbours=neighbours)
        self.steps = redraw(self.steps, number, self.data, self._session.settings)

    def _refresh(self, job: Job, number: int, seconds: float) -> bool:
        work = self._due.get(number)
        renewed = self._miner is not None and self._collect(job, self._miner, number, seconds)
        if work is not None and self._miner is not None and work == "mine":
            self._ask(job, self._miner, number)
        elif work is not None:
            if self._leads:
                self._make(job, work, number, seconds)
            self._session.accelerator.wait_for_everyone()
            renewed = True
        if renewed:
            self._take(job, anew=True)
        return renewed

    def _make(self, job: Job, work: Work, number: int, seconds: float) -> None:
        """Make a round while training stands still."""
        started = time.perf_counter()
        before, mined = in_force(job.rounds.records())
        self._tidy(job)
        self._save_weights(job.rounds.model(number))
        if work == "mine":
            mine_round(job, number=number, before=before)
        else:
            rescore_round(job, number=number, before=before, mined=mined)
        done = _refreshed(job, work, number, step=number, waited=time.perf_counter() - started)
        self._record(job, done, seconds=seconds)

    def _ask(self, job: Job, miner: Miner, number: int) -> None:
        """Hand the weights to the second process, unless it is still busy with older ones."""
        if self._leads and miner.asked is None:
            self._tidy(job)
            self._save_weights(job.rounds.model(number))
            miner.ask(number, before=in_force(job.rounds.records())[0])

    def _collect(self, job: Job, miner: Miner, number: int, seconds: float) -> bool:
        """Look whether the second process has made its round, or died; all processes hear of it at the same step."""
        if self._leads:
            asked, problem, made = miner.asked, miner.problem(), miner.arrived()
            if problem is not None and asked is not None:
                self._record(job, Refreshed(number, "mine", number - asked, problem=problem), seconds=seconds)
            if made is not None:
                self._record(job, _refreshed(job, "mine", made, step=number, waited=0.0), seconds=seconds)
                self._session.accelerator.set_trigger()
        return self._session.accelerator.check_trigger()

    def _record(self, job: Job, refreshed: Refreshed, *, seconds: float) -> None:
        total = refreshed.waited + sum(record.waited for record in job.rounds.records())
        share = total / max(seconds + refreshed.waited, total) if total else 0.0
        job.rounds.record(replace(refreshed, share=share))

    def _take(self, job: Job, *, anew: bool) -> None:
        """Go over to the round in force; `anew` if it has just come into force, not if a checkpoint brought it back."""
        table = job.rounds.read(in_force(job.rounds.records())[0])
        if isinstance(self.data.negatives, ReplacedNegatives):
            self.data.negatives.take(table, anew=anew)
            self._enter()
        else:
            served = serve(table, self._session.settings, n_queries=job.dataset.n_queries)
            self.data = counted(replace(self.data, negatives=served), self._session.settings)

    def _enter(self) -> None:
        """Score the negatives in use whose score on entry is not known: all at the start and after a refresh."""
        if isinstance(self.data.negatives, ReplacedNegatives):
            self.data.negatives.enter(np.unique(self.data.query), self._live_scores)

    def _live_scores(self, query: Rows, document: Rows) -> Scores:
        return live_scores(self._session.towers, self._session.accelerator, self.data.dataset, query, document)

    def _replace(self, number: int) -> None:
        """Replace negatives of the rows to come that have become too easy, if it is time for it."""
        settings, negatives, started = self._session.settings.replacement, self.data.negatives, time.perf_counter()
        if settings is None or number == 0 or number % settings.every or not isinstance(negatives, ReplacedNegatives):
            return
        rows = [rows for step in self.steps[number : number + settings.every] for rows in step.batches]
        looked_at, replaced = negatives.replace(np.unique(self.data.query[np.concatenate(rows)]), self._live_scores)
        if self._leads:
            seconds = round(time.perf_counter() - started, 3)
            line = {"step": number, "looked_at": looked_at, "replaced": replaced, "seconds": seconds}
            with self._replacements.open("a") as file:
                file.write(json.dumps(line) + "\n")

    @property
    def _replacements(self) -> Path:
        return self._session.folder.path / layout.REPLACEMENTS

    def _cut_replacements(self) -> None:
        """Drop the records of replacements that a session will do again."""
        if self._leads and self._replacements.exists():
            lines = checked(self._replacements).read_text().splitlines()
            kept = [line for line in lines if json.loads(line)["step"] < self._session.done]
            with replacing(self._replacements) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept))

    def _tidy(self, job: Job) -> None:
        """Remove rounds that neither the run nor its latest checkpoint needs."""
        records, checkpoint = job.rounds.records(), self._session.folder.latest() or 0
        before = [record for record in records if record.step < checkpoint]
        asked = {self._miner.asked} if self._miner is not None and self._miner.asked is not None else set()
        job.rounds.forget(but={0, *in_force(records), *in_force(before), *asked})

    def _save_weights(self, folder: Path) -> None:
        model = self._session.accelerator.unwrap_model(self._session.towers).model
        cut = token_limits(model)
        set_token_limits(model, self._limits)
        save_model(model, folder)
        set_token_limits(model, cut)


def _refreshed(job: Job, work: Work, number: int, *, step: int, waited: float) -> Refreshed:
    return Refreshed(step, work, step - number, waited=waited, **asdict(job.rounds.report(number)))
