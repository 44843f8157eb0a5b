"""A fit in its folder, part by part: each is done once, and kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from hardneg import progress
from hardneg.addresses import shown_place
from hardneg.checksums import checked
from hardneg.costs.speeds import Speeds, count_steps
from hardneg.data.checks import check_dataset as examine
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Check
from hardneg.data.readers.own import is_parquet_folder
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, RunError
from hardneg.files import check_folder, replacing_folder
from hardneg.fits.advice import next_steps
from hardneg.fits.baselines import ZERO_SHOT, System
from hardneg.fits.card import model_card, write_card
from hardneg.fits.choice import Choice, choose
from hardneg.fits.development import Development
from hardneg.fits.finish import (
    facts_of_mining,
    finish_finals,
    hand_over,
    hand_over_untrained,
    test_rows,
    test_table,
    with_dev_trained,
)
from hardneg.fits.halves import Halves, small_corpus, with_fresh_aside, with_queries_apart
from hardneg.fits.leakage import planted, told_planted
from hardneg.fits.ledger import Ledger
from hardneg.fits.pace import first_settings, speed_of, try_out
from hardneg.fits.race import Clock, Race, spread
from hardneg.fits.request import BASE, EFFORTS, FitRequest
from hardneg.fits.schedule import FINISH, SHORT, Schedule, Speed, plan_fit
from hardneg.fits.track import Entry, Heat, Track
from hardneg.ladders.plan import LadderPlan
from hardneg.ladders.prepare import draft
from hardneg.ladders.splits import choose_splits
from hardneg.models.own_code import CONFIG
from hardneg.pipeline.dealing import told_dealt, with_held_out
from hardneg.recipe.trust import measuring_with
from hardneg.reports.write import write_report
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.folder import machine, versions
from hardneg.runs.lock import writing
from hardneg.runs.record import recording
from hardneg.runs.state import write_audit
from hardneg.training.settings import TrainSettings


@dataclass(frozen=True)
class Watched:
    """Called as a fit goes on, with what is to be shown."""

    check: Callable[[Check], None] = lambda _check: None
    note: Callable[[str], None] = lambda _text: None
    known: Callable[[Mapping[str, Any], str], None] = lambda _known, _measure: None
    schedule: Callable[[Schedule], None] = lambda _schedule: None
    round: Callable[[Mapping[str, Any], str], None] = lambda _round, _measure: None


@dataclass(frozen=True)
class Fitting:
    """A fit in a folder, from what was asked for to what is handed over."""

    given: Dataset
    request: FitRequest
    folder: Path
    watched: Watched = field(default_factory=Watched)

    def run(self) -> dict[str, Any]:
        """Do all that is not done; what was found, as `fit.json` has it."""
        check_folder(self.folder)
        with recording(self.folder, "fit", dataset=shown_place(self._place.resolve())), writing(self.folder):
            self._begin()
            self._check()
            return self._finished() or self._fitted()

    @cached_property
    def _ledger(self) -> Ledger:
        return Ledger.of(self.folder)

    @property
    def _place(self) -> Path:
        return self.folder / "dataset"

    @cached_property
    def _dataset(self) -> Dataset:
        """The dataset with all its splits, as it was when the fit began."""
        wanted = self.request.wanted
        data, how = with_held_out(self.given, self._place, train=wanted.split, dev=wanted.dev, test=wanted.test)
        splits = choose_splits(data, train=wanted.split, dev=wanted.dev, test=wanted.test)
        data, n_aside = with_queries_apart(data, splits)
        if how is not None:
            self.watched.note(told_dealt(self.given.name, how, self._place))
        if n_aside:
            self.watched.note(
                f"{n_aside:,} queries of {data.name} stand in several of its splits, by id or by equal text: they are "
                "kept for the test, or for development, and not trained on"
            )
        if how is None and not (is_parquet_folder(self._place) and is_done(self._place)):
            with replacing_folder(self._place) as temporary:
                data.write(temporary)
        elif how is None and read_dataset(self._place).fingerprint != data.fingerprint:
            raise RunError(f"{self._place} holds another dataset than {data.name}; name another folder with -o")
        return data

    @cached_property
    def _plan(self) -> LadderPlan:
        """The strategies as rungs, and the splits."""
        wanted = self.request.rungs(defaults=self._defaults())
        return draft(wanted, self._dataset, {"path": shown_place(self._place.resolve())})

    def _defaults(self) -> dict[str, Any]:
        """Choose where the search for settings begins, by the kind of the model."""
        plain = draft(self.request.rungs([BASE]), self._dataset, {"path": shown_place(self._place)})
        return first_settings(plain.rungs[0].recipe)

    @property
    def _dev(self) -> str:
        dev = self._plan.splits.dev
        if dev is None:
            raise DatasetError(f"{self._dataset.name} has no split for development; name one with --dev")
        return dev

    def _begin(self) -> None:
        request, data = self.request.as_dict(), self.given.fingerprint
        before = self._ledger.state.get("request", request), self._ledger.state.get("given", data)
        if before != (request, data):
            keys = [key for key in request if before[0].get(key) != request[key]] + ["dataset"] * (before[1] != data)
            raise RunError(
                f"{self.folder} holds a fit with another {', '.join(keys)}; name another folder with -o, or delete "
                "this one to begin anew"
            )
        head = {"format": 1, "kind": "fit", "request": request, "given": data, "versions": versions()}
        self._ledger.save(**head, machine=machine(), stages=self._ledger.state.get("stages", {}))

    def _check(self) -> None:
        with self._ledger.stage("check"):
            checked = examine(self._dataset)
        self.watched.check(checked)
        if checked.has_errors:
            errors = "; ".join(f"{one.code} {one.title}" for one in checked.findings if one.severity == "error")
            raise DatasetError(f"{self._dataset.name} cannot be fitted as it is: {errors}; mend that first")
        self._ledger.save(findings=[asdict(one) for one in checked.findings])

    def _finished(self) -> dict[str, Any] | None:
        """What was found, if all is done and what is handed over is whole."""
        is_finished = self._ledger.state.get("finished") and is_done(self.folder, self.folder / "model")
        return self._ledger.state if is_finished else None

    def _fitted(self) -> dict[str, Any]:
        dataset, plan = self._dataset, self._plan
        _ = self._epoch  # pairs that nothing can be learned from are refused before anything is measured
        systems, halves = self._know(), self._development.halves
        rankings = [each.rankings for each in systems.values()]
        looking, wider = (
            small_corpus(dataset, self._dev, queries, rankings, seed=self.request.wanted.seed)
            for queries in (halves.race, halves.all)
        )
        rungs = {rung.name: rung for rung in plan.rungs}
        raced = with_fresh_aside(dataset, self._dev, halves)
        track = Track(self.folder / "race", raced, looking, self._dev, rungs, plan.measure)
        speed, schedule = self._schedule(track, wider)
        self.watched.schedule(schedule)
        race, finalists = self._race(track, speed, schedule)
        corpus = self._development.whole if schedule.is_choice_whole else wider
        choice, weights = self._choose(race, finalists, systems, corpus)
        self._finish(race, finalists, choice, weights)
        return self._ledger.state

    @cached_property
    def _development(self) -> Development:
        return Development(
            self._dataset,
            self._dev,
            Halves.of(self._dataset, self._dev, seed=self.request.wanted.seed),
            self._plan.rungs[0].recipe,
            self._plan.measure,
            self.folder / "development",
            self._ledger,
        )

    def _know(self) -> dict[str, System]:
        """Measure BM25, the model as it is, and both together, and what the labels can say, before any training."""
        development, split = self._development, self.request.wanted.split
        systems = development.untrained()
        fusions, weight = development.with_bm25(systems, ZERO_SHOT)
        query, _ = self._dataset.pairs_of(split)
        state: dict[str, Any] = {
            "systems": {name: means["race"] for name, means in development.means(systems | fusions).items()},
            "weight": weight,
            "positives_per_query": len(query) / len(np.unique(query)),
        }
        with self._ledger.stage("planting"):
            state["planted"] = self._ledger.state.get("known", {}).get("planted") or planted(
                self._dataset, self._plan.rungs, split=split, seed=self.request.wanted.seed
            )
        state["audit"] = None if state["planted"] is None else told_planted(state["planted"])
        self._ledger.save(known=state, measure=development.measure)
        self.watched.known(state, development.measure)
        return systems

    def _schedule(self, track: Track, wider: Dataset) -> tuple[Speed, Schedule]:
        plan, request, dataset = self._plan, self.request, self._dataset
        with self._ledger.stage("probe"):
            if "speeds" not in self._ledger.state:
                speeds = try_out(track.rungs, dataset, split=request.wanted.split, folder=self.folder / "probe")
                self._ledger.save(speeds=speeds.as_dict())
        speed = speed_of(
            track.rungs,
            Speeds.from_dict(self._ledger.state["speeds"]),
            dataset,
            looking=track.looking,
            wider=wider,
            split=request.wanted.split,
            dev=self._dev,
            test=request.wanted.test,
        )
        if "schedule" not in self._ledger.state:
            training: TrainSettings = plan.training
            schedule = plan_fit(
                [rung.name for rung in plan.rungs],
                spread(training.peak),
                speed,
                spent=self._ledger.spent(),
                epoch=self._epoch,
                epochs=EFFORTS[request.effort].epochs,
                grown=self._grown,
                budget_s=request.budget_s,
                steps=request.steps,
                all_race=bool(request.wanted.rungs),
            )
            self._ledger.save(schedule=schedule.as_dict())
        return speed, Schedule.from_dict(self._ledger.state["schedule"])

    @cached_property
    def _epoch(self) -> int:
        """Steps of in-batch training that see each pair once; so many at least that a few hundred pairs come again."""
        training: TrainSettings = self._plan.training
        steps = count_steps(self._dataset, training, split=self.request.wanted.split)
        return max(SHORT, round(steps / training.epochs))

    @cached_property
    def _grown(self) -> float:
        """Times as many pairs as train has that train and dev have."""
        n_train, n_dev = (len(self._dataset.pairs_of(split)[0]) for split in (self.request.wanted.split, self._dev))
        return (n_train + n_dev) / n_train

    def _race(self, track: Track, speed: Speed, schedule: Schedule) -> tuple[Race, list[Heat]]:
        clock = Clock(schedule.budget_s, schedule.stretches[0].seconds)
        total = sum(stretch.seconds for stretch in schedule.stretches if stretch.trainings and stretch.name != FINISH)
        with progress.task("racing", total=max(1, round(total)), unit="s") as advance:
            race = Race(track, schedule, speed, clock, advance=lambda seconds: advance(round(seconds)))
            race.told = lambda one: self.watched.round(one.as_dict(), track.measure)
            finalists = race.run()
        self._ledger.save(
            rounds=[each.as_dict() for each in race.rounds],
            left_out={**schedule.left_out, **race.left_out},
        )
        return race, finalists

    def _choose(
        self, race: Race, finalists: Sequence[Heat], systems: dict[str, System], corpus: Dataset
    ) -> tuple[tuple[Choice, Entry], dict[str, float]]:
        """Measure the finalists against a corpus, and choose what is trained at the end, or was nearest to be."""
        track, development = race.track, self._development
        by_name = {heat.entry.strategy: heat for heat in finalists}
        models = {name: partial(track.system, heat.entry) for name, heat in by_name.items()}
        models[ZERO_SHOT] = partial(measuring_with, development.recipe.model, development.recipe)
        if corpus.n_documents < self._dataset.n_documents:
            systems = {name: development.narrowed(each, corpus) for name, each in systems.items()}
        for name in by_name:
            systems[name] = development.measured(name, models[name], corpus, stage="choice")
        choice = choose(
            systems,
            list(by_name),
            **development.queries,
            measure=development.measure,
            base=BASE,
            among=lambda name: development.among_random(name, models[name], corpus),
        )
        weights = {}
        for name in dict.fromkeys((ZERO_SHOT, choice.name)):
            both, weights[name] = development.with_bm25(systems, name)
            systems |= both
        is_trained = choice.name in by_name
        last = race.last_of(by_name[choice.name if is_trained else BASE].entry)
        self._ledger.save(
            development=development.found(systems, corpus, weights),
            choice={**choice.as_dict(), "strategy": choice.name, "entry": asdict(last) if is_trained else None},
        )
        return (choice, last), weights

    def _finish(
        self, race: Race, finalists: Sequence[Heat], chosen: tuple[Choice, Entry], weights: Mapping[str, float]
    ) -> None:
        (choice, best), track = chosen, race.track
        is_anew, dataset = race.is_trained_anew(best), track.dataset
        if is_anew:
            dataset = with_dev_trained(self._dataset, split=self.request.wanted.split, dev=self._dev)
        grown, is_trained = self._grown if is_anew else None, choice.name == best.strategy
        with self._ledger.stage("finish"):
            base = next(heat.entry for heat in finalists if heat.entry.strategy == BASE)
            longer = replace(base, steps=max(base.steps, best.steps)) if is_anew else base
            beside = longer if race.schedule.with_base else best
            places = finish_finals(self.folder, track, dataset, best, beside, grown=grown)
        if is_trained:
            hand_over(self.folder)
        else:
            hand_over_untrained(self.folder, track.rungs[BASE].recipe)
        rows = test_rows(places, measure_by=track.measure, winner=choice.name, weights=weights)
        self._ledger.save(
            model=track.rungs[BASE].recipe.model,
            is_anew=is_anew,
            grown=grown or 1.0,
            test=test_table(rows, winner=choice.name),
            counts=self._counts(dataset, track, race, best),
            seconds={name: cost["wall_s"] for name, cost in self._ledger.state["stages"].items()}
            | {"race": race.clock.took_s},
        )
        self._ledger.save(next_steps=[asdict(each) for each in next_steps(self._ledger.state, folder=str(self.folder))])
        self._write_card(trained=is_trained)
        write_report(self.folder, dataset=dataset)
        self._ledger.save(finished=True)
        for entry in race.heats:  # only the choice needed their models
            track.forget(entry)

    def _counts(self, dataset: Dataset, track: Track, race: Race, best: Entry) -> dict[str, Any]:
        query, _ = dataset.pairs_of(self.request.wanted.split)
        counts = {
            "name": self.given.name,
            "fingerprint": dataset.fingerprint,
            "documents": dataset.n_documents,
            "trained_pairs": len(query),
            "mean_positives": len(query) / len(np.unique(query)),
            "trainings": len(race.heats),
            "about": track.rungs[best.strategy].about,
        }
        counts |= facts_of_mining(self.folder)
        with self._ledger.stage("audit"):
            audit = planted(
                dataset, (track.rung(best),), split=self.request.wanted.split, seed=self.request.wanted.seed
            )
        if audit is not None:
            write_audit(audit, self.folder / layout.FINAL_RUN)
            counts["audit"] = told_planted(audit)
        return counts

    def _write_card(self, *, trained: bool) -> None:
        config = json.loads((self.folder / "model" / CONFIG).read_text(encoding="utf-8"))
        recipe = checked(self.folder / layout.RECIPE).read_text(encoding="utf-8") if trained else ""
        text = model_card(
            self._ledger.state, name=f"{self.given.name}-retrieval", prompts=config.get("prompts", {}), recipe=recipe
        )
        write_card(self.folder / "model", text)
