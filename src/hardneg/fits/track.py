"""The trainings of a race: what an entry tries, how it is trained and looked at, and what it gave."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.filters.protocol import Fittable
from hardneg.ladders.rungs import Rung
from hardneg.models.store import new_vectors_in
from hardneg.pipeline.chain import mine_stage, opened, shared_place, stage_rows, train_stages
from hardneg.pipeline.mined import Mined
from hardneg.recipe.trust import measuring_with
from hardneg.reports.read_run import mining_findings
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.sources import Dense, Source
from hardneg.sources.kept import keeping_retrievals

_CANNOT_TELL = ("HN005", "HN007")  # findings of a fit: its budget was not kept, it cannot tell


@dataclass(frozen=True)
class Entry:
    """What one training of a race tries."""

    strategy: str
    rate: float
    steps: int

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.strategy}-{self.rate:g}-{self.steps}"


@dataclass(frozen=True, eq=False)
class Heat:
    """What an entry gave on the development queries of the race."""

    entry: Entry
    per_query: pl.DataFrame
    measure: str
    seconds: float

    @cached_property
    def mean(self) -> float:
        """The mean of the measure that decides."""
        return float(self.per_query[self.measure].to_numpy().mean())


@dataclass(frozen=True)
class Track:
    """What all entries share, and the training of one of them."""

    folder: Path
    dataset: Dataset
    looking: Dataset
    split: str  # that is looked at
    rungs: Mapping[str, Rung]
    measure: str
    mined: dict[Path, Mined] = field(default_factory=dict)

    def run(self, entry: Entry) -> Heat:
        """Train an entry and measure it; what is done is not done again."""
        rung, place = self.rung(entry), self.folder / entry.name
        recipe, seed = rung.recipe, rung.recipe.seeds[0]
        run = opened(recipe, place, shared=self.folder / "shared" / "mined")
        run.pin("dataset", self.dataset.fingerprint)
        if not self.is_done(entry):
            with keeping_retrievals(self.folder / "shared" / "found"):
                rows = stage_rows(recipe)
                run.manifest["chain"] = list(rows)
                *_, (_, model) = train_stages(rows, recipe, self.dataset, run, seed=seed, mined=self.mined)
            with run.stage("evaluate dev"):
                self.look(measuring_with(str(model), recipe), name=entry.name)
        return Heat(entry, read_table(self._looked(entry.name) / layout.PER_QUERY), self.measure, self.seconds(entry))

    def is_done(self, entry: Entry) -> bool:
        """Say whether an entry is trained and measured."""
        place = self._looked(entry.name)
        return is_done(place / layout.METRICS, place / layout.PER_QUERY)

    def look(self, system: Source, *, name: str) -> None:
        """Measure on the queries of the race against a small corpus, unless that is done."""
        place = self._looked(name)
        if not is_done(place / layout.METRICS, place / layout.PER_QUERY):
            options = next(iter(self.rungs.values())).recipe.evaluate.options
            with new_vectors_in(place / "vectors"):
                evaluation = evaluate(self.looking, system, split=self.split, name=name, **options)
            shutil.rmtree(place / "vectors", ignore_errors=True)
            evaluation.write(place)

    def _looked(self, name: str) -> Path:
        return self.folder / name / "evaluation" / "dev"

    def rung(self, entry: Entry) -> Rung:
        """Build what an entry trains with."""
        rung = self.rungs[entry.strategy].with_settings({"learning_rate": entry.rate})
        return rung.with_steps(entry.steps)

    def system(self, entry: Entry) -> Dense:
        """Search with the model of an entry, trained again if it was not needed any more, and now is."""
        place = self.folder / entry.name
        if not any(place.glob("training/*/model")):
            shutil.rmtree(place / "evaluation", ignore_errors=True)
            self.run(entry)
        model = next(place.glob("training/*/model"))
        return measuring_with(str(model), self.rung(entry).recipe)

    def forget(self, entry: Entry) -> None:
        """Remove the model of an entry that is out."""
        for model in (self.folder / entry.name / "training").glob("*/model"):
            shutil.rmtree(model)

    def mine(self, entry: Entry) -> Path | None:
        """Mine what an entry trains with from the start; None if that is nothing."""
        recipe = self.rung(entry).recipe
        stage = recipe.stages[0]
        if not stage.sources:
            return None
        run = opened(recipe, self.folder / entry.name, shared=self.folder / "shared" / "mined")
        place = shared_place(self.folder / "shared" / "mined", stage, recipe, self.dataset)
        if place not in self.mined:
            with keeping_retrievals(self.folder / "shared" / "found"):
                self.mined[place] = mine_stage(stage, place, recipe, self.dataset, run)
        return place

    def doubts(self, entry: Entry) -> str:
        """Mine for an entry whose filter is fitted, and say why it cannot tell answers here; empty if it can."""
        if not any(isinstance(each, Fittable) for each in self.rung(entry).recipe.stages[0].filters):
            return ""
        place = self.mine(entry)
        findings = () if place is None else mining_findings(place)
        return next((one.title for one in findings if one.code in _CANNOT_TELL), "")

    def seconds(self, entry: Entry) -> float:
        """Seconds that an entry took so far."""
        manifest = read_state(self.folder / entry.name / layout.MANIFEST, keys=("stages",))
        return round(sum(cost["wall_s"] for cost in manifest.get("stages", {}).values()), 3)
