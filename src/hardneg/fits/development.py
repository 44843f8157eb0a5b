"""What systems reach on the development queries of a fit, before any training and of the finalists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.fits.among import Among, draw_documents, with_answers
from hardneg.fits.baselines import BM25, ZERO_SHOT, Replayed, System, fused, measured_on
from hardneg.fits.halves import Halves, asking, ids, only
from hardneg.fits.ledger import Ledger
from hardneg.recipe import Recipe
from hardneg.recipe.trust import measuring_with
from hardneg.runs import layout
from hardneg.sources import Dense, Source
from hardneg.sources.bm25 import bm25_of


@dataclass(frozen=True)
class Development:
    """The development queries of a fit, and the folder that keeps what each system reaches on them."""

    dataset: Dataset
    split: str
    halves: Halves
    recipe: Recipe  # whose model is the untrained one, and whose options measure
    measure: str  # that decides
    folder: Path
    ledger: Ledger

    @property
    def whole(self) -> Dataset:
        """All documents, asked by the queries of both halves."""
        return asking(self.dataset, self.split, self.halves.all)

    @cached_property
    def queries(self) -> dict[str, pl.Series]:
        """Ids of the queries of each half."""
        return {"race": ids(self.dataset, self.halves.race), "fresh": ids(self.dataset, self.halves.fresh)}

    def untrained(self) -> dict[str, System]:
        """Measure BM25 and the model as it is."""
        sources: dict[str, Source] = {
            BM25: bm25_of(self.recipe.sources),
            ZERO_SHOT: measuring_with(self.recipe.model, self.recipe),
        }
        return {name: self.measured(name, partial(sources.get, name), self.whole, stage="know") for name in sources}  # type: ignore[arg-type]

    def measured(self, name: str, source: Callable[[], Source], corpus: Dataset, *, stage: str) -> System:
        """Measure a system against a corpus, unless that is done, as a part of a stage."""
        place, options = self.folder / name, self.recipe.evaluate.options
        with self.ledger.stage(stage):
            return measured_on(corpus, source, split=self.split, name=name, place=place, options=options)

    def narrowed(self, system: System, corpus: Dataset) -> System:
        """Rank again what a system found, among the documents of a small corpus."""
        replayed = Replayed(system.name, system.rankings)
        small = self.measured(f"{system.name}{layout.SMALL}", lambda: replayed, corpus, stage="choice")
        return replace(small, name=system.name)

    def among_random(self, name: str, model: Callable[[], Dense], corpus: Dataset) -> System:
        """Measure how a model ranks the answers of the queries of both halves among random documents.

        What was measured on all documents has their vectors.
        """
        drawn = draw_documents(self.dataset, seed=self.recipe.seeds[0])
        if corpus.n_documents < self.dataset.n_documents:
            corpus = with_answers(self.dataset, self.split, self.halves.all, drawn)
        ids = self.dataset.documents["id"].gather(drawn)
        return self.measured(f"{name}{layout.AMONG}", lambda: Among(model(), ids), corpus, stage="choice")

    def with_bm25(self, systems: Mapping[str, System], name: str) -> tuple[dict[str, System], float]:
        """Put a system and BM25 together in two ways; the weight of one is tuned on the half of the race."""
        return fused(
            self.dataset,
            systems[BM25],
            systems[name],
            split=self.split,
            name=self.measure,
            tuned_on=self.queries["race"],
        )

    def means(self, systems: Mapping[str, System]) -> dict[str, dict[str, float]]:
        """Give what each system reaches on each half."""
        return {
            name: {half: self._mean(system, queries) for half, queries in self.queries.items()}
            for name, system in systems.items()
        }

    def found(self, systems: Mapping[str, System], corpus: Dataset, weights: Mapping[str, float]) -> dict[str, Any]:
        """Lay out what was found, as `fit.json` has it."""
        return {
            "queries": {half: len(queries) for half, queries in self.queries.items()},
            "documents": corpus.n_documents,
            "means": self.means(systems),
            "weights": dict(weights),
        }

    def _mean(self, system: System, asked: pl.Series) -> float:
        return float(only(system.per_query, asked)[self.measure].to_numpy().mean())
