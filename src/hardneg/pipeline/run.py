"""A whole experiment: build or read the data, mine, train, and measure each row of the table."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.evaluation.retrieval import evaluate
from hardneg.evaluation.significance import compare, mean_interval
from hardneg.losses.distilling import without_teacher
from hardneg.pipeline.before_work import check_files, check_parts
from hardneg.pipeline.folder import RunFolder, link_tree
from hardneg.pipeline.found import with_found
from hardneg.pipeline.mining import Mined, mine
from hardneg.pipeline.parts import read_table
from hardneg.pipeline.score_stage import score_stage
from hardneg.recipe import FromPath, FromPython, Recipe
from hardneg.sources import BM25, Dense, Source

MEASURE = "nDCG@10"


@dataclass(frozen=True)
class Row:
    """One line of the table: a system, measured once, or once a seed if it was trained.

    Args:
        name: "bm25", "zero_shot", "in_batch" or "mined".
        seeds: Each query's measures, one table for each seed.
    """

    name: str
    seeds: list[pl.DataFrame]

    @property
    def per_query(self) -> pl.DataFrame:
        """Each query's measures, averaged over the seeds."""
        return pl.concat(self.seeds).group_by("query_id").mean().sort("query_id")

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Give the figures of each measure by name.

        Returns:
            For each measure `value`, the mean over seeds and queries; `low` and `high`, its 95 % bootstrap
            interval over `n` queries, each query's values averaged over the seeds; `seeds`, the mean of each
            seed; and `sd`, their standard deviation (null for one).
        """
        per_query, found = self.per_query, {}
        for name in (column for column in per_query.columns if column != "query_id"):
            means = pl.Series([table[name].mean() for table in self.seeds], dtype=pl.Float64)
            low, high = mean_interval(per_query[name].to_numpy(), seed=0)
            interval = {"low": low, "high": high, "n": per_query.height}
            found[name] = {"value": means.mean(), **interval, "seeds": means.to_list(), "sd": means.std()}
        return found


@dataclass(frozen=True)
class Result:
    """What a run found.

    Args:
        folder: Where everything lies.
        rows: The table, in the order in which it is read: each row should beat the one above.
        manifest: Versions, fingerprints, counts and costs.
    """

    folder: Path
    rows: list[Row]
    manifest: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Give everything by name, for machines."""
        return {
            "folder": str(self.folder),
            "rows": {row.name: row.as_dict() for row in self.rows},
            "comparisons": {
                f"{after.name} - {before.name}": asdict(compare(before.per_query, after.per_query, MEASURE))
                for at, after in enumerate(self.rows)
                for before in self.rows[:at]
            },
            **self.manifest,
        }


def run(recipe: Recipe, *, out: Path | str, permit: Callable[[Dataset], None] | None = None) -> Result:
    """Do every stage of a recipe; a stage that is done is not done again.

    Args:
        recipe: What to do.
        out: Folder of the run. An interrupted run goes on where it stopped when called again.
        permit: Called with the dataset before anything is mined or trained; it may raise.

    Returns:
        The table and the costs.

    Raises:
        InputError: Something in the recipe or its data cannot be used.
        Interrupted: Ctrl-C while training; a checkpoint was saved.
    """
    check_parts(recipe)
    folder = RunFolder.open(Path(out), recipe)
    dataset = _dataset(recipe, folder)
    check_files(recipe, dataset)
    if permit is not None:
        permit(dataset)
    rows = list(_baselines(recipe, dataset, folder))
    if "in_batch" in recipe.evaluate.rows:
        rows.append(_trained("in_batch", None, recipe, dataset, folder))
    with folder.stage("mine"):
        mined = mine(
            dataset,
            split=recipe.mine.split,
            sources=recipe.sources,
            filters=recipe.filters,
            select=recipe.select,
            depth=recipe.mine.depth,
            seed=recipe.seed,
            block_size=recipe.mine.block_size,
            out=folder.path,
        )
    folder.manifest["funnel"] = mined.funnel
    folder.manifest["found_positives"] = mined.found.height
    labelled = with_found(dataset, mined.found, split=recipe.mine.split)
    scores = score_stage(recipe, labelled, mined.negatives, folder)
    rows.append(_trained("mined", mined, recipe, dataset, folder, labelled=labelled, scores=scores))
    first_seed = _seeds(recipe)[0]
    link_tree(_training(folder, "mined", first_seed) / "model", folder.path / "model")
    folder.save()
    return Result(folder.path, rows, folder.manifest)


def _dataset(recipe: Recipe, folder: RunFolder) -> Dataset:
    with folder.stage("dataset"):
        dataset = recipe.dataset.read() if isinstance(recipe.dataset, FromPath) else _built(recipe.dataset, folder)
    folder.pin("dataset", dataset.fingerprint)
    folder.manifest["components"] = {
        "sources": [repr(source) for source in recipe.sources],
        "filters": [repr(each) for each in recipe.filters],
        "select": repr(recipe.select),
        "teachers": [repr(teacher) for teacher in recipe.teachers],
        "train": repr(recipe.train),
    }
    folder.manifest["counts"] = {
        "queries": dataset.n_queries,
        "documents": dataset.n_documents,
        "train_pairs": len(dataset.pairs_of(recipe.mine.split)[0]),
        "test_queries": len(dataset.queries_of(recipe.evaluate.split)),
    }
    return dataset


def _built(settings: FromPython, folder: RunFolder) -> Dataset:
    """Build the dataset once; a run that goes on later must see the same one though the source may have changed."""
    folder.pin("way of building the dataset", repr(settings))
    place = folder.path / "dataset"
    if not (place / "qrels.parquet").exists():
        settings.read().write(place)
    return read_dataset(place)


def _baselines(recipe: Recipe, dataset: Dataset, folder: RunFolder) -> Iterator[Row]:
    systems: dict[str, Source] = {
        "bm25": next((source for source in recipe.sources if isinstance(source, BM25)), BM25()),
        "zero_shot": Dense(model=recipe.model, max_tokens=recipe.evaluate.max_tokens),
    }
    for name, system in systems.items():
        if name in recipe.evaluate.rows:
            yield Row(name, [_measured(name, system, recipe, dataset, folder)])


def _trained(
    name: str,
    mined: Mined | None,
    recipe: Recipe,
    dataset: Dataset,
    folder: RunFolder,
    *,
    labelled: Dataset | None = None,
    scores: pl.DataFrame | None = None,
) -> Row:
    """Train and measure, once a seed; trained on `labelled` where it differs from what is measured on.

    Without scores, the parts of the loss that need a teacher are left out.
    """
    from hardneg.training.loop import train

    negatives, plan = (None, None) if mined is None else (mined.negatives, mined.plan)
    loss = recipe.train.loss
    if scores is None:
        loss = without_teacher(loss) or loss
    seeds = []
    for seed in _seeds(recipe):
        place = _training(folder, name, seed)
        with folder.stage(f"train {place.name}"):
            settings = replace(recipe.train, seed=seed, loss=loss)
            if mined is None:
                settings = settings.without_mined
            trained = train(
                recipe.model,
                labelled or dataset,
                negatives,
                scores=scores,
                settings=settings,
                plan=plan,
                split=recipe.mine.split,
                out=place,
            )
        system = Dense(model=str(trained.path), max_tokens=recipe.evaluate.max_tokens)
        seeds.append(_measured(place.name, system, recipe, dataset, folder))
    return Row(name, seeds)


def _measured(name: str, system: Source, recipe: Recipe, dataset: Dataset, folder: RunFolder) -> pl.DataFrame:
    place = folder.path / "evaluation" / name
    if not (place / "metrics.json").exists():
        with folder.stage(f"evaluate {name}"):
            settings = recipe.evaluate
            evaluate(dataset, system, split=settings.split, depth=settings.depth, name=name).write(place)
    return read_table(place / "per_query.parquet")


def _seeds(recipe: Recipe) -> tuple[int, ...]:
    return recipe.seeds or (recipe.train.seed,)


def _training(folder: RunFolder, name: str, seed: int) -> Path:
    return folder.path / "training" / f"{name}-seed{seed}"
