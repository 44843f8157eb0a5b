"""A whole experiment: build or read the data, mine, train, and measure each row of the table."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.arguments import check_places, shown
from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.data.reading import read_dataset
from hardneg.engines import Engine, working_on
from hardneg.errors import RecipeError
from hardneg.evaluation.significance import Row, compare
from hardneg.files import check_folder, replacing_folder
from hardneg.pipeline.also import Further, place_of, read_further
from hardneg.pipeline.chain import in_batch_rows, opened, planned_stages, stage_rows, train_stages, training_place
from hardneg.pipeline.dealing import told_dealt, with_test_split
from hardneg.pipeline.judged_labels import Used, labelled_for
from hardneg.pipeline.measuring import baselines, elsewhere, measured
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.preflight import check_files, check_parts
from hardneg.recipe import FromCode, FromPath, FromPython, Recipe, Stage
from hardneg.recipe.trust import code_of, measuring_with, trusting
from hardneg.reports.read_run import read_trainings
from hardneg.reports.write import write_report
from hardneg.runs import layout
from hardneg.runs.done import is_done
from hardneg.runs.folder import RunFolder, link_tree
from hardneg.runs.joining import data_of
from hardneg.runs.layout import Seeded
from hardneg.runs.lock import writing
from hardneg.runs.mining_findings import read_mining_findings
from hardneg.runs.record import recording
from hardneg.scoring import Scorer
from hardneg.scoring.cross_fitted import weak_teachers
from hardneg.training.watch.curve import WatchedTraining


@dataclass(frozen=True)
class Result:
    """What a run found."""

    folder: Path
    rows: list[Row]
    manifest: dict[str, Any]
    teachers: tuple[Scorer, ...] = ()
    further: Mapping[str, list[Row]] = field(default_factory=dict)  # by the folder of a further dataset, below `also/`

    @property
    def dealt(self) -> str:
        """How the dataset was dealt, in a line; empty if it had a split to test on."""
        how = self.manifest.get("dealt")
        return "" if how is None else told_dealt("the dataset", how, self.folder / "dataset")

    @property
    def verdicts(self) -> dict[str, str]:
        """What became of people's verdicts, a line for each stage that took some; "" stands for the only stage."""
        mined = self.manifest.get("mined") or {"": self.manifest}
        return {name: str(Used(**each["verdicts"])) for name, each in mined.items() if "verdicts" in each}

    @property
    def findings(self) -> list[Finding]:
        """What mining, teachers and training showed, each once."""
        places = [*layout.minings(self.folder), *layout.further(self.folder)]
        findings = [finding for place in places for finding in read_mining_findings(place)]
        findings += weak_teachers(self.teachers)
        findings += [finding for training in read_trainings(self.folder) for finding in training.findings]
        return list({(one.code, one.title): one for one in reversed(findings)}.values())[::-1]

    @property
    def watched(self) -> dict[str, WatchedTraining]:
        """What was measured while each model was trained, those that nobody looked at left out."""
        trainings = read_trainings(self.folder)
        return {training.model: training.watched for training in trainings if training.watched is not None}

    def as_dict(self) -> dict[str, Any]:
        """Give everything by name, for machines."""
        watched = {name: asdict(each) for name, each in self.watched.items()}
        return {
            "folder": str(self.folder),
            "rows": {row.name: row.as_dict() for row in self.rows},
            "comparisons": {
                f"{after.name} - {before.name}": asdict(compare(before.per_query, after.per_query, after.measure))
                for at, after in enumerate(self.rows)
                for before in self.rows[:at]
            },
            **({"further": _by_name(self.further)} if self.further else {}),
            **({"watched": watched} if watched else {}),
            **self.manifest,
        }


@dataclass(frozen=True)
class Prepared:
    """A run whose data is there and whose recipe fits it; nothing is mined or trained yet."""

    recipe: Recipe
    dataset: Dataset
    folder: RunFolder
    further: tuple[Further, ...] = ()

    @property
    def mined_from(self) -> Iterator[tuple[Dataset, Recipe]]:
        """Each dataset that is mined, and what is done with it."""
        yield self.dataset, self.recipe
        for each in self.further:
            if each.negatives is None:
                yield each.dataset, each.recipe(self.recipe)

    def run(self) -> Result:
        """Do every stage that is not done."""
        recipe, dataset, folder = self.recipe, self.dataset, self.folder
        chain = stage_rows(recipe)
        rows = [
            Row(name, [measured(name, system, recipe, dataset, folder)], recipe.evaluate.deciding)
            for name, system in baselines(recipe).items()
        ]
        folder.manifest["chain"] = list(chain)
        if "in_batch" in recipe.evaluate.rows and "in_batch" not in chain:
            rows += self._trained(in_batch_rows(recipe))[-1:]
        rows += self._trained(chain)
        further = elsewhere(rows, self.further, recipe, folder, seeds=_seeds(recipe))
        link_tree(training_place(folder, rows[-1].name, _seeds(recipe)[0]) / "model", folder.path / "model")
        folder.save()
        write_report(folder.path, dataset=dataset)
        for each in self.further:
            if (place := folder.path / layout.ALSO / each.folder).exists():
                write_report(place, dataset=each.dataset)
        return Result(folder.path, rows, folder.manifest, tuple(recipe.teachers), further)

    def _trained(self, rows: Mapping[str, Stage]) -> list[Row]:
        """Train all stages and measure the model of each, once a seed."""
        recipe, dataset, folder = self.recipe, self.dataset, self.folder
        mined: dict[Path, Mined] = {}
        per_query: dict[str, list[pl.DataFrame]] = {name: [] for name in rows}
        for seed in _seeds(recipe):
            trained = train_stages(rows, recipe, dataset, folder, seed=seed, mined=mined, further=self.further)
            for name, model in trained:
                system = measuring_with(str(model), recipe)
                per_query[name].append(measured(str(Seeded(name, seed)), system, recipe, dataset, folder))
        return [Row(name, tables, recipe.evaluate.deciding) for name, tables in per_query.items()]


def run(
    recipe: Recipe,
    *,
    out: Path | str,
    trust_remote_code: bool = False,
    agree: Callable[[Prepared], None] | None = None,
    engine: Engine | None = None,
) -> Result:
    """Do every stage of a recipe; a stage that is done is not done again.

    Args:
        recipe: What to do.
        out: Folder of the run. An interrupted run goes on where it stopped when called again.
        trust_remote_code: Whether every model of the recipe may run code of its own.
        agree: Called when the data is there, before anything is mined, trained or paid for; raise in it to stop.
        engine: Who encodes, mines, scores, and makes refreshes: `Ray(address="auto")` of `hardneg.engines`. Training
            itself is done here, and so is everything for None.

    Returns:
        The table and the costs; `report.html` in the folder shows all of it.

    Raises:
        InputError: Something in the recipe or its data cannot be used.
        Interrupted: Ctrl-C while training; a checkpoint was saved.
    """
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"run: {shown(recipe)} is no Recipe; load one: Recipe.load(…)")
    check_places("run", optional=False, out=out)
    check_folder(Path(out))
    with recording(Path(out), "run"), writing(Path(out)), working_on(engine, keep=False):
        prepared = prepare(trusting(recipe) if trust_remote_code else recipe, out=out)
        if agree is not None:
            agree(prepared)
        return prepared.run()


def prepare(recipe: Recipe, *, out: Path | str) -> Prepared:
    """Build or read the data of a recipe, and check all that can be checked, before anything is paid for."""
    check_parts(recipe)
    folder = opened(recipe, Path(out))
    folder.manifest["planned"] = planned_stages(recipe)
    dataset = _dataset(recipe, folder)
    check_files(recipe, dataset)
    further = read_further(recipe)
    for each in further:
        folder.pin(f"dataset {each.folder!r}", each.dataset.fingerprint)
        folder.manifest.setdefault(layout.ALSO.name, {})[each.folder] = place_of(each.settings)
    return Prepared(recipe, dataset, folder, further)


def _dataset(recipe: Recipe, folder: RunFolder) -> Dataset:
    with folder.stage("dataset"):
        dataset = _read(recipe, folder) if isinstance(recipe.dataset, FromPath) else _built(recipe.dataset, folder)
    folder.pin("dataset", dataset.fingerprint)
    if dataset.mapping is not None:
        folder.manifest["mapping"] = dataset.mapping.as_dict()
    for name, value in data_of(dataset).items():
        folder.pin(name, value)
    for stage in recipe.stages:
        if stage.mine.verdicts is not None:
            name = f"file of verdicts for {stage.name!r}" if recipe.stage else "file of verdicts"
            folder.pin(name, labelled_for(stage.mine, dataset).fingerprint)
    if code := code_of(recipe):
        folder.manifest["code"] = code
    components = {name: _components(stage) for name, stage in stage_rows(recipe).items()}
    parts = components if recipe.stage else _components(recipe.stages[0])
    folder.manifest["components"] = parts
    if recipe.teachers:
        folder.manifest["components"]["teachers"] = [repr(teacher) for teacher in recipe.teachers]
    last = recipe.stages[-1]
    folder.manifest["counts"] = {
        "queries": dataset.n_queries,
        "documents": dataset.n_documents,
        "train_pairs": len(labelled_for(last.mine, dataset).pairs_of(last.mine.split)[0]),
        "test_queries": len(dataset.queries_of(recipe.evaluate.split)),
    }
    return dataset


def _components(stage: Stage) -> dict[str, Any]:
    return {
        "sources": [repr(source) for source in stage.sources],
        "filters": [repr(each) for each in stage.filters],
        "select": repr(stage.select),
        "train": repr(stage.train),
    }


def _read(recipe: Recipe, folder: RunFolder) -> Dataset:
    """Read the dataset, and deal it once if there is nothing to test on."""
    dataset = recipe.dataset.read()
    place, train = folder.path / "dataset", recipe.stages[-1].mine.split
    watches = any(stage.train.watch is not None for stage in recipe.stages)
    dev_share = None if watches else 0.0
    dealt, how = with_test_split(dataset, place, train=train, test=recipe.evaluate.split, dev_share=dev_share)
    if how is not None:
        folder.manifest["dealt"] = how
    return dealt


def _built(settings: FromPython | FromCode, folder: RunFolder) -> Dataset:
    """Build the dataset once; a run that goes on later must see the same one though the source may have changed."""
    folder.pin("way of building the dataset", repr(settings))
    place = folder.path / "dataset"
    if not is_done(place, place / "qrels.parquet"):
        with replacing_folder(place) as temporary:
            settings.read().write(temporary)
    return read_dataset(place)


def _seeds(recipe: Recipe) -> tuple[int, ...]:
    return recipe.seeds or (recipe.train.seed,)


def _by_name(further: Mapping[str, list[Row]]) -> dict[str, dict[str, Any]]:
    return {name: {row.name: row.as_dict() for row in rows} for name, rows in further.items()}
