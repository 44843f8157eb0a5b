"""What tells a trained model from the one before training: all documents, or some that were drawn at random.

    python benchmarks/fit/among.py --data FOLDER [--runs FOLDER] [--sets nl2bash …] [--table]

`hardneg fit` asks random documents where all documents do not tell two models apart (src/hardneg/fits/among.py). This
is why, and why a hundred: development queries alone, those of short.py, with its trainings. `all` is against all
documents by the labels; `truth`, for banking77, against all documents with every document of the query's intent as an
answer, which its labels do not say. Results are files under results/among; one that is there is not done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from compare import BEDS, MEASURE
from short import UNTRAINED, Bench, options

from hardneg.data.dataset import Dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.fits.among import Among, draw_documents
from hardneg.fits.halves import asking
from hardneg.fits.track import Entry
from hardneg.recipe.trust import measuring_with
from hardneg.sources import Dense
from poison import all_answers
from tables import against

RESULTS = Path(__file__).parents[1] / "results" / "among"
TRAINED = (Entry("in_batch", 9e-5, 64), Entry("in_batch", 9e-5, 128), Entry("mined_filtered", 9e-5, 48))
NUMBERS, ALL, TRUTH = (30, 100, 300, 1_000), "all", "truth"
WAYS = (*map(str, NUMBERS), ALL, TRUTH)


@dataclass(frozen=True)
class Looks:
    """One set, and the ways to look at a model."""

    bench: Bench

    def fill(self) -> None:
        """Do what is not there."""
        track = self.bench.track
        recipe = track.rungs["in_batch"].recipe
        for entry in (None, *TRAINED):
            name = UNTRAINED if entry is None else entry.name
            place = RESULTS / f"{self.bench.name}-{name}.parquet"
            if place.exists():
                continue
            if entry is not None:
                track.run(entry)
            model = measuring_with(recipe.model, recipe) if entry is None else track.system(entry)
            table = self._looked(model, track.dataset, track.split)
            RESULTS.mkdir(parents=True, exist_ok=True)
            table.write_parquet(place)
            print(
                self.bench.name,
                name,
                {way: round(float(table[way].mean()), 4) for way in table.columns[1:]},
                flush=True,
            )

    def _looked(self, model: Dense, dataset: Dataset, split: str) -> pl.DataFrame:
        """Measure a model in all ways: `query_id` and a column for each."""
        data, truth = asking(dataset, split, dataset.queries_of(split)), BEDS[self.bench.name].truth
        ways = {ALL: (data, model)}
        for number in NUMBERS:
            drawn = data.documents["id"].gather(draw_documents(data, number, seed=0))
            ways[str(number)] = data, Among(model, drawn)
        if truth is not None:
            answers = all_answers(data, truth, data.queries_of(split), split)
            labels = pl.concat([data.qrels.filter(pl.col("split") != split), answers])
            ways[TRUTH] = replace(data, qrels=labels), model
        tables = [
            evaluate(on, source, split=split, measures=[MEASURE]).per_query.rename({MEASURE: way})
            for way, (on, source) in ways.items()
        ]
        joined = tables[0]
        for table in tables[1:]:
            joined = joined.join(table, on="query_id", how="inner", validate="1:1")
        return joined


def table(names: Sequence[str]) -> None:
    """Print what each training has more than the model before it, in each way."""
    print(f"{MEASURE} on development queries, and what training adds\n\n| | | {' | '.join(WAYS)} |")
    print("|---|---|" + "---|" * len(WAYS))
    for name in names:
        places = {label: RESULTS / f"{name}-{label}.parquet" for label in (UNTRAINED, *(each.name for each in TRAINED))}
        looks = {label: pl.read_parquet(place) for label, place in places.items() if place.exists()}
        for label, look in looks.items():
            ways = [way for way in WAYS if way in look.columns]
            if label == UNTRAINED:
                cells = [f"{look[way].mean():.4f}" for way in ways]
            else:
                cells = [against(looks[UNTRAINED], look, way) for way in ways]
            print(f"| {name} | {label} | {' | '.join(cells)} |")


def main() -> None:
    """Fill in what is not there, then print what is."""
    arguments = options(__doc__)
    for name in arguments.sets if not arguments.table else ():
        Looks(Bench(name, arguments.data, arguments.runs)).fill()
    table(arguments.sets)


if __name__ == "__main__":
    main()
