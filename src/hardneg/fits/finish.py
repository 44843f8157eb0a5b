"""The winner, trained on all labels but those of the test or taken over from the race, and the test, looked at once."""

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.addresses import shown_place
from hardneg.checksums import checked
from hardneg.data.dataset import Dataset
from hardneg.evaluation.fusion import by_ranks, by_scores
from hardneg.evaluation.metrics import measure
from hardneg.evaluation.significance import Row, compare
from hardneg.evaluation.trec import read_qrels, read_run
from hardneg.files import replacing, replacing_folder
from hardneg.fits.baselines import BM25, ZERO_SHOT
from hardneg.fits.track import Entry, Track
from hardneg.pipeline.chain import opened
from hardneg.pipeline.run import run
from hardneg.recipe import FromPath, Recipe
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.folder import link_tree
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_state
from hardneg.sources.kept import keeping_retrievals

_MODEL, _TRAINING = "model", "training"


def with_dev_trained(dataset: Dataset, *, split: str, dev: str) -> Dataset:
    """Give the labels of the development split to the split that is trained on."""
    return dataset.with_labels(dataset.qrels.with_columns(split=pl.col("split").replace({dev: split})))


@dataclass(frozen=True)
class Final:
    """What is tested at the end."""

    entry: Entry  # with its steps scaled to all labels, if it is trained anew
    place: Path
    is_anew: bool  # trained on train and dev; if not, as the race left it

    def recipe(self, track: Track, data: Path, *, rows: tuple[str, ...]) -> Recipe:
        """Write down what is trained, and what is measured beside it."""
        recipe = track.rung(self.entry).recipe
        if self.is_anew:  # the queries that a watch looks at are trained on now
            recipe = replace(
                recipe,
                train=replace(recipe.train, watch=None),
                stage=tuple(replace(stage, train=replace(stage.train, watch=None)) for stage in recipe.stage),
            )
        return replace(
            recipe,
            name=self.entry.strategy,
            dataset=FromPath(path=shown_place(data.resolve())),
            evaluate=replace(recipe.evaluate, rows=rows),  # type: ignore[arg-type]
        )

    def take_over(self, recipe: Recipe, raced: Path) -> None:
        """Put what the race trained where the run of a recipe looks for it, with what it cost."""
        run_folder, stages = opened(recipe, self.place), read_state(raced / layout.MANIFEST, keys=("stages",))["stages"]
        trained = {name: cost for name, cost in stages.items() if name.startswith("train ")}
        run_folder.manifest["stages"] = trained | run_folder.manifest["stages"]
        run_folder.save()
        link_tree(raced / _TRAINING, self.place / _TRAINING)


def finish_finals(
    folder: Path, track: Track, dataset: Dataset, winner: Entry, base: Entry, *, grown: float | None
) -> dict[str, Path]:
    """Measure the winner, and `base` to compare with if it is another, on the test split.

    Both are trained first, on a dataset that has `grown` to so many times as many pairs, or are what the race left
    where `grown` is None. The folder of the figures is given for each row.
    """
    data = folder / layout.FINAL_DATASET
    if not is_done(data, data / "qrels.parquet"):
        with replacing_folder(data) as temporary:
            dataset.write(temporary)
    entries = {base.strategy: base, winner.strategy: winner}
    places: dict[str, Path] = {}
    for name, entry in entries.items():
        is_last = entry is winner
        place = folder / (layout.FINAL_RUN if is_last else layout.FINAL_BASE)
        final = Final(entry if grown is None else _grown(entry, grown), place, is_anew=grown is not None)
        recipe = final.recipe(track, data, rows=(BM25, ZERO_SHOT) if is_last else ())
        if not final.is_anew:
            final.take_over(recipe, track.folder / entry.name)
        with nullcontext() if final.is_anew else keeping_retrievals(track.folder / "shared" / "found"):
            done = run(recipe, out=final.place)
        measured = {row.name: row for row in done.rows}
        places |= {row: final.place / "evaluation" / row for row in measured if row in (BM25, ZERO_SHOT)}
        places[name] = next((final.place / "evaluation").glob(f"{done.rows[-1].name}*"))
    return places


def hand_over(folder: Path) -> None:
    """Put the model, its recipe and its negatives where a user looks for them."""
    place = folder / layout.FINAL_RUN
    link_tree(place / _MODEL, folder / _MODEL)
    with replacing(folder / layout.RECIPE) as temporary:
        shutil.copyfile(checked(place / layout.RECIPE), temporary)
    if (place / "negatives").exists():
        link_tree(place / "negatives", folder / "negatives")


def hand_over_untrained(folder: Path, recipe: Recipe) -> None:
    """Save the model as it is."""
    from hardneg.models.own_code import save_model
    from hardneg.models.sentence_transformer import load_model
    from hardneg.training.sample_vectors import write_vectors

    with replacing_folder(folder / _MODEL) as temporary:
        save_model(load_model(recipe.model, device="cpu", trust_remote_code=recipe.trusts), temporary)
    write_vectors(folder, folder / _MODEL, trusts=recipe.trusts)


def facts_of_mining(folder: Path) -> dict[str, str]:
    """Say what was mined for the winner, in a line; nothing if nothing was."""
    place = folder / layout.FINAL_RUN
    manifest = read_state(place / layout.MANIFEST, keys=("stages",))
    funnel = manifest.get("funnel")
    if funnel is None:
        return {}
    dropped = ", ".join(f"{count:,} by {name}" for name, count in funnel["dropped"].items() if count) or "none"
    return {
        "mining": f"{funnel['selected']:,} negatives of {funnel['candidates']:,} candidates for {funnel['queries']:,} "
        f"queries ({dropped}; {funnel['short_queries']:,} queries short), recipe `{manifest['recipe']}`"
    }


def test_rows(places: Mapping[str, Path], *, measure_by: str, winner: str, weights: Mapping[str, float]) -> list[Row]:
    """Lay out what the test shows, the winner last, with the model and BM25 put together above it."""
    rows = [Row(name, [read_table(place / layout.PER_QUERY)], measure_by) for name, place in places.items()]
    names = [column for column in rows[0].seeds[0].columns if column != "query_id"]
    bm25 = read_run(places[BM25] / layout.RANKINGS)
    fusions = []
    for name, weight in weights.items():
        other, qrels = read_run(places[name] / layout.RANKINGS), read_qrels(places[name] / layout.QRELS)
        for how, fused in (("by rank", by_ranks(bm25, other)), ("weighted", by_scores(bm25, other, weight=weight))):
            fusions.append(Row(f"{BM25} + {name}, {how}", [measure(qrels, fused, names=names)], measure_by))
    first = [row for row in rows if row.name != winner]
    return [*first, *fusions, *(row for row in rows if row.name == winner)]


def test_table(rows: list[Row], *, winner: str) -> dict[str, Any]:
    """Give the figures of each row, and how the winner stands to it."""
    last = next(row for row in rows if row.name == winner)
    others = [row for row in rows if row is not last and " + " not in row.name]
    return {
        "rows": {row.name: row.as_dict() for row in rows},
        "comparisons": {row.name: asdict(compare(row.per_query, last.per_query, last.measure)) for row in others},
    }


def _grown(entry: Entry, grown: float) -> Entry:
    return replace(entry, steps=max(1, round(entry.steps * grown)))
