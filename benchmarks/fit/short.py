"""What short trainings bring on development queries: by strategy, length and rate, and mixed with the model as it was.

    python benchmarks/fit/short.py --data FOLDER [--runs FOLDER] [--sets nl2bash …] [--table]

What a plan of `hardneg fit` expects of its parts (src/hardneg/fits/schedule.py) is from this table: no test query is
read. The sets are those of compare.py, each with its development queries, 300 at most, or those that a fit deals;
all-MiniLM-L6-v2, 64 tokens, one seed. Figures are against a small corpus of some 3,000 documents: the answers, and what
BM25 and the untrained model rank first (`hardneg.fits.halves.small_corpus`).

`@0.5` is the mean of the trained weights and those before training, `@0.75` has three quarters of the trained ones
(Wortsman et al., 2022, arXiv:2109.01903: WiSE-FT). `rates` is the mean of in-batch training at two rates, `kinds` that
of in-batch training and of one mined negative a row, `all` that of all three and the untrained (model soups, Wortsman
et al., 2022, arXiv:2203.05482). `-half` is trained on half of the training queries, for the steps that are named: with
twice as many queries and steps it is what as many pairs again bring. Results are files under results/short; one that is
there is not done again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl
import torch
from compare import ASIDE, BEDS, MEASURE, TOKENS, read, start
from safetensors.torch import load_file, save_file

from hardneg.checksums import SUMS
from hardneg.fits.baselines import measured_on
from hardneg.fits.fitting import Fitting
from hardneg.fits.halves import asking, small_corpus
from hardneg.fits.request import FitRequest
from hardneg.fits.track import Entry, Track
from hardneg.ladders.prepare import Wanted
from hardneg.models.given import resolve_model
from hardneg.randomness import permutation
from hardneg.recipe.trust import measuring_with
from hardneg.sources.bm25 import bm25_of

RESULTS = Path(__file__).parents[1] / "results" / "short"
SETS = [name for name, bed in BEDS.items() if bed.model != "weak"]
UNTRAINED = "zero"
IN_BATCH, FAST, MINED = (
    Entry("in_batch", 9e-5, 128),
    Entry("in_batch", 2.7e-4, 128),
    Entry("mined_filtered", 9e-5, 96),
)
ENTRIES = (
    Entry("in_batch", 9e-5, 64),
    IN_BATCH,
    Entry("in_batch", 2.7e-4, 64),
    FAST,
    Entry("mined_filtered", 9e-5, 48),
    MINED,
    Entry("mined_filtered", 2.7e-4, 96),
    Entry("mined_many", 9e-5, 24),
)
HALVED = (Entry("in_batch", 9e-5, 64), Entry("mined_filtered", 9e-5, 48))
SOUPS = {"rates": (IN_BATCH, FAST), "kinds": (IN_BATCH, MINED), "all": (IN_BATCH, FAST, MINED, None)}
_LONG = 96  # steps of what is mixed at three quarters too
_HALF = 4  # what draws are for


@dataclass(frozen=True)
class Bench:
    """One set, its development queries against a small corpus, and the trainings."""

    name: str
    data: Path
    runs: Path

    @cached_property
    def track(self) -> Track:
        """Deal what is lacking as a fit does, and choose the small corpus."""
        folder = self.runs / self.name
        folder.mkdir(parents=True, exist_ok=True)
        request = FitRequest(wanted=Wanted(model=start(self.name, self.runs), max_tokens=TOKENS))
        fitting = Fitting(read(self.name, self.data), request, folder)
        dataset, dev = fitting._dataset, fitting._dev
        rungs = {rung.name: rung for rung in fitting._plan.rungs}
        recipe, queries = rungs["in_batch"].recipe, dataset.queries_of(dev)
        sources = {"bm25": bm25_of(recipe.sources), UNTRAINED: measuring_with(recipe.model, recipe)}
        rankings = [
            measured_on(
                asking(dataset, dev, queries),
                lambda source=source: source,
                split=dev,
                name=name,
                place=folder / name,
                options=recipe.evaluate.options,
            ).rankings
            for name, source in sources.items()
        ]
        small = small_corpus(dataset, dev, queries, rankings, seed=0)
        return Track(folder / "race", dataset, small, dev, rungs, MEASURE)

    @cached_property
    def halved(self) -> Track:
        """Train on half of the training queries; the labels of the others stay, of a split that nothing reads."""
        whole = self.track
        queries = whole.dataset.queries_of("train")
        beyond = queries[permutation(0, _HALF, size=len(queries))[len(queries) // 2 :]]
        aside = (pl.col("split") == "train") & pl.col("query").is_in(beyond)
        labels = whole.dataset.qrels.with_columns(split=pl.when(aside).then(pl.lit(ASIDE)).otherwise("split"))
        folder = self.runs / self.name / "half"
        return replace(whole, folder=folder, dataset=whole.dataset.with_labels(labels), mined={})

    def fill(self) -> None:
        """Do what is not there."""
        self._look(UNTRAINED, lambda: self.track.rungs["in_batch"].recipe.model)
        for entry in ENTRIES:
            if not _is_there(self.name, entry.name):
                heat = self.track.run(entry)
                _keep(self.name, entry.name, heat.per_query, seconds=heat.seconds)
        for entry in HALVED:
            if not _is_there(self.name, f"{entry.name}-half"):
                heat = self.halved.run(entry)
                _keep(self.name, f"{entry.name}-half", heat.per_query, seconds=heat.seconds)
        for label, parts in mixtures():
            self._look(label, lambda label=label, parts=parts: str(self._mixed(label, parts)))

    def _look(self, label: str, model: Callable[[], str]) -> None:
        if _is_there(self.name, label):
            return
        system = measuring_with(model(), self.track.rungs["in_batch"].recipe)
        started = time.perf_counter()
        self.track.look(system, name=label)
        per_query = pl.read_parquet(self.track.folder / label / "evaluation" / "dev" / "per_query.parquet")
        _keep(self.name, label, per_query, seconds=round(time.perf_counter() - started, 1))

    def _mixed(self, label: str, parts: Sequence[tuple[Entry | None, float]]) -> Path:
        """Write a model whose weights are a weighted mean."""
        out, first = self.track.folder / label / "model", parts[0][0]
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(self._model(first), out)
        total = {key: torch.zeros(value.shape) for key, value in load_file(_weights(out)).items()}
        for entry, weight in parts:
            weights = load_file(_weights(self._model(entry)))  # the untrained has some that are no weights
            total = {key: value + weight * weights[key].float() for key, value in total.items()}
        save_file(total, _weights(out), metadata={"format": "pt"})
        for sums in out.rglob(SUMS):  # of the file that was there before
            sums.unlink()
        return out

    def _model(self, entry: Entry | None) -> Path:
        if entry is None:
            return Path(resolve_model(self.track.rungs["in_batch"].recipe.model))
        return next((self.track.folder / entry.name).glob("training/*/model"))


def mixtures() -> Iterator[tuple[str, list[tuple[Entry | None, float]]]]:
    """Name the mixtures, each with its parts and their weights; None is the untrained model."""
    for entry in ENTRIES:
        for share in (0.5, 0.75) if entry.steps >= _LONG else (0.5,):
            yield f"{entry.name}@{share}", [(entry, share), (None, 1 - share)]
    for label, entries in SOUPS.items():
        yield label, [(entry, 1 / len(entries)) for entry in entries]


def _weights(model: Path) -> Path:
    return next(model.rglob("model.safetensors"))


def _is_there(name: str, label: str) -> bool:
    return (RESULTS / f"{name}-{label}.json").exists()


def _keep(name: str, label: str, per_query: pl.DataFrame, *, seconds: float) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    per_query.select("query_id", MEASURE).write_parquet(RESULTS / f"{name}-{label}.parquet")
    (RESULTS / f"{name}-{label}.json").write_text(json.dumps({"seconds": seconds}) + "\n")
    print(f"{name} {label}: {per_query[MEASURE].mean():.4f}", flush=True)


def table(names: Sequence[str]) -> None:
    """Print what is there, and the mean over the sets that have all of it."""
    labels = [UNTRAINED, *(entry.name for entry in ENTRIES), *(label for label, _ in mixtures())]
    whole = [name for name in names if all(_is_there(name, label) for label in labels)]
    print(f"{MEASURE} on development queries\n\n| | {' | '.join(names)} | mean of {len(whole)} | seconds |")
    print("|---|" + "---|" * (len(names) + 2))
    for label in labels:
        values = {name: _mean(name, label) for name in names if _is_there(name, label)}
        seconds = [json.loads((RESULTS / f"{name}-{label}.json").read_text())["seconds"] for name in whole]
        cells = [f"{values[name]:.4f}" if name in values else "" for name in names]
        mean = f"{sum(values[name] for name in whole) / max(1, len(whole)):.4f}"
        print(f"| {label} | {' | '.join(cells)} | {mean} | {sum(seconds) / max(1, len(whole)):.0f} |")
    print(
        f"\nFrom half of the training queries to all, for twice the steps; and twice the steps alone\n\n| | {MEASURE} |"
    )
    print("|---|---|")
    for entry in HALVED:
        half, longer = f"{entry.name}-half", replace(entry, steps=2 * entry.steps).name
        there = [name for name in names if _is_there(name, half)]
        more = [sum(_mean(name, longer) - _mean(name, label) for name in there) for label in (half, entry.name)]
        if there:
            cells = ", ".join(f"{each / len(there):+.4f}" for each in more)
            print(f"| {entry.name} | {cells} on the mean of {', '.join(there)} |")


def _mean(name: str, label: str) -> float:
    return float(pl.read_parquet(RESULTS / f"{name}-{label}.parquet")[MEASURE].to_numpy().mean())


def options(about: str | None) -> argparse.Namespace:
    """Read where data and runs are, and which sets are meant."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/short"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--table", action="store_true", help="run nothing")
    return parser.parse_args()


def main() -> None:
    """Fill in what is not there, then print what is."""
    arguments = options(__doc__)
    for name in arguments.sets if not arguments.table else ():
        Bench(name, arguments.data, arguments.runs).fill()
    table(arguments.sets)


if __name__ == "__main__":
    main()
