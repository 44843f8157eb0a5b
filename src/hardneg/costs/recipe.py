"""What a recipe will cost, or work on a dataset: its stages by trials of its parts, and the bills of its judges."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hardneg.arguments import shown
from hardneg.costs.calibration import Trials
from hardneg.costs.encoding_bills import all_bills
from hardneg.costs.estimate import Estimate, Spread, StageCost
from hardneg.costs.forecast import TRAINING_COPIES, forecast, in_shards, mining_stages
from hardneg.costs.indexes import Cheaper, cheaper_index
from hardneg.costs.speeds import Speeds, count_steps, refreshes, scorers_of
from hardneg.costs.texts import Texts
from hardneg.costs.watching import Looks, SplitSize
from hardneg.costs.workload import Workload
from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import RecipeError
from hardneg.files import cache_folder
from hardneg.losses.weighted_sum import needs_teacher
from hardneg.pipeline.chain import in_batch_rows, stage_rows
from hardneg.pipeline.dealing import with_test_split
from hardneg.pipeline.judged_labels import labelled_for
from hardneg.recipe import Recipe, Stage, shipped_recipes
from hardneg.recipe.stage import stages_in
from hardneg.recipe.trust import measuring_with
from hardneg.scoring.protocol import Priced
from hardneg.sources.protocol import Encodes


def estimate(
    recipe_or_dataset: Recipe | Dataset | Path | str | None = None,
    *,
    model: str | None = None,
    document_tokens: int | None = None,
    query_tokens: int | None = None,
    again: bool = False,
    **work: Any,  # noqa: ANN401
) -> Estimate:
    """Predict time, memory, disk and the price of judges before any work is begun.

    What has not been tried on this machine is tried for some seconds each; judges that cost money are asked nothing.

    Args:
        recipe_or_dataset: A recipe, its file or the name of one that hardneg ships; or a dataset or what `read_dataset`
            takes, for work on texts like its own; None makes texts.
        model: Model to use in place of a recipe's; else the one that encodes and is trained.
        document_tokens: Mean tokens of a document that is made; 128 if not given.
        query_tokens: The same for a query; 16 if not given.
        again: Whether to try again what was tried on this machine.
        **work: What is to be done if no recipe says it, by the names of `hardneg.costs.Workload`: `documents` and
            `queries` if they are not as many as the dataset has, `dim`, `depth`, `per_query`, `sources`, `teacher`,
            `train_steps`, …

    Returns:
        Stages and bills; `frame()` is a table of the stages.

    Raises:
        InputError: Something in the recipe, the dataset or the work cannot be used.
    """
    given = {"document_tokens": document_tokens, "query_tokens": query_tokens}
    lengths = {name: n for name, n in given.items() if n is not None}
    if isinstance(recipe_or_dataset, Recipe) or is_recipe(recipe_or_dataset):
        if work or lengths:
            raise RecipeError(f"estimate: a recipe says what is done; leave {', '.join([*work, *lengths])} out")
        return _of_recipe(_recipe(recipe_or_dataset, model), again=again)
    if recipe_or_dataset is None:
        missing = [f"--{name}" for name in ("documents", "queries") if name not in work]
        if missing:
            raise RecipeError(f"estimate: how much work is it? Give {' and '.join(missing)}, or a dataset")
        texts, counts = Texts.made(**{"document_tokens": 128, "query_tokens": 16} | lengths), {}
    else:
        if lengths:
            raise RecipeError(
                "estimate: DATASET's texts have their own lengths: leave --document-tokens and --query-tokens out"
            )
        named = isinstance(recipe_or_dataset, str | Path)
        dataset = read_dataset(recipe_or_dataset) if named else recipe_or_dataset
        if not isinstance(dataset, Dataset):
            raise RecipeError(f"estimate: {shown(dataset)} is neither a recipe nor a dataset")
        texts, counts = Texts.of(dataset), {"documents": dataset.n_documents, "queries": dataset.n_queries}
    sources = ("bm25", *(("vectors",) if work.get("dim") else ("dense",) if model else ()))
    return forecast(Workload(**{"sources": sources} | counts | work, model=model), _calibration(texts, again=again))


def is_recipe(name: object) -> bool:
    """Say whether a name is that of a recipe, and not of a dataset."""
    if not isinstance(name, str | Path):
        return False
    return Path(name).suffix == ".toml" or (str(name) in shipped_recipes() and not Path(name).exists())


def _calibration(texts: Texts, *, again: bool) -> Trials:
    return Trials(cache_folder() / "calibration", texts, again=again)


def _recipe(recipe: object, model: str | None) -> Recipe:
    if not isinstance(recipe, Recipe):
        return Recipe.load(str(recipe), changes={} if model is None else {"model": model})
    if model is not None:
        raise RecipeError("estimate: the recipe names its model; give `model` with the name of a recipe")
    return recipe


def _of_recipe(recipe: Recipe, *, again: bool) -> Estimate:
    with TemporaryDirectory() as place:
        split, test = recipe.stages[-1].mine.split, recipe.evaluate.split
        watches = any(stage.train.watch is not None for stage in recipe.stages)
        dealt = {"train": split, "test": test, "dev_share": None if watches else 0.0}
        dataset, _ = with_test_split(recipe.dataset.read(), Path(place), **dealt)  # type: ignore[arg-type]
        calibration = _calibration(Texts.of(dataset), again=again)
        tried = calibration.trial("recipe", {"recipe": recipe.resolved(), "name": recipe.name})
        parts = _Parts(recipe, dataset, calibration, Speeds.from_dict(tried["parts"]))
        start = StageCost("start", "", tried["start_s"], 0.0, spread="on each")
        stages = (start, *in_shards(list(parts.stages()), parts.vectors_gb))
        bills = all_bills(dataset, recipe)
        about, work = calibration.texts.about, {"recipe": recipe.name}
        return Estimate(stages, tuple(bills), about, work, parts.vectors_gb, parts.rows, parts.index)


class _Parts:
    """The stages of a recipe as they cost, one after the other."""

    def __init__(self, recipe: Recipe, dataset: Dataset, calibration: Trials, speeds: Speeds) -> None:
        self.recipe, self.dataset, self.calibration, self.speeds = recipe, dataset, calibration, speeds
        self.seeds = len(recipe.seeds or (recipe.train.seed,))
        self.text_gb = dataset.n_documents * calibration.texts.document_bytes / 1e9
        self.vectors_gb = 0.0  # of the largest source
        self.rows = 0  # that searches of vectors find
        self.index: Cheaper | None = None
        self._mined: dict[str, StageCost] = {}
        self._encoded: set[str] = set()

    def stages(self) -> Iterator[StageCost]:
        """List all that is done."""
        recipe = self.recipe
        for number, stage in enumerate(recipe.stages):
            labelled = labelled_for(stage.mine, self.dataset)
            queries = len(labelled.queries_of(stage.mine.split))
            name = f" ({stage.name})" if recipe.stage else ""
            if stage.sources:
                yield from self._mining(stage, name, queries, times=self.seeds if stage.needs else 1)
            if recipe.teachers and stage.sources and needs_teacher(stage.train.loss):
                pairs = len(labelled.pairs_of(stage.mine.split)[0]) + queries * stage.select.per_query
                yield from self._scoring([one for one in recipe.teachers if not isinstance(one, Priced)], name, pairs)
            yield from self._training(stage, name, number, queries)
        rows = stage_rows(recipe)
        if "in_batch" in recipe.evaluate.rows and "in_batch" not in rows:
            plain = list(in_batch_rows(recipe).values())[-1]
            yield from self._training(plain, " (in_batch)", len(recipe.stages) - 1, 0)
        yield from self._measuring(len(rows))

    def _mining(self, stage: Stage, name: str, queries: int, *, times: int) -> Iterator[StageCost]:
        dense = [one for one in stage.sources if isinstance(one, Encodes)]
        dims = [round(self.speeds.documents(self._tried(one)).disk_gb * 1e9 / 4) for one in dense]
        self.vectors_gb = max(self.vectors_gb, self.dataset.n_documents * 4e-9 * max(dims, default=0))
        self.rows += queries * stage.mine.depth * len(dense) * times
        if dims:
            counts = {"documents": self.dataset.n_documents, "queries": queries, "depth": stage.mine.depth}
            self.index = cheaper_index(self.calibration, **counts, dim=max(dims))
        mined = self._base(stage, queries, max(dims, default=None))
        if not self._mined:
            yield mined["read the dataset"]
        self._mined = mined
        for source in stage.sources:
            if isinstance(source, Encodes):
                yield from self._encoding(source, name, queries, times=times)
                yield _as(mined["load vectors"], f"load vectors of {source.name}{name}", times)
                yield _as(mined["search vectors"], f"search {source.name}{name}", times)
            else:
                part = self.speeds.search(source)
                documents = f"{self.dataset.n_documents:,} documents"
                once_s, each_s = part.once_s * times, part.each_s * queries * times
                yield StageCost(f"prepare {source.name}{name}", documents, once_s, part.memory_gb, spread="on each")
                yield StageCost(f"search {source.name}{name}", f"{queries:,} queries", each_s, part.memory_gb)
        for step in ("prepare filters", "filter, choose, write"):
            yield _as(mined[step], f"{step}{name}", times)
        scorers = [one for one in scorers_of(stage) if not isinstance(one, Priced)]
        yield from self._scoring(
            scorers, name, queries * stage.mine.depth * len(stage.sources) * times, most="at most "
        )

    def _base(self, stage: Stage, queries: int, dim: int | None) -> dict[str, StageCost]:
        """Predict what mining costs whatever the recipe: reading, the search of vectors, filtering, writing."""
        counts = {"documents": self.dataset.n_documents, "queries": queries}
        settings = {"depth": stage.mine.depth, "per_query": stage.select.per_query, "dim": dim}
        work = Workload(**counts, **settings, sources=("bm25",) if dim is None else ("vectors",))  # type: ignore[arg-type]
        return {one.name: one for one in mining_stages(work, self.calibration, dim)[1]}

    def _tried(self, source: Encodes) -> Encodes:
        """Give the encoder that was tried: a model that is trained yet is as fast as what it is trained from."""
        return source.with_model(self.recipe.model) if stages_in(source) else source

    def _encoding(self, source: Encodes, name: str, queries: int, *, times: int) -> Iterator[StageCost]:
        encoder, n = self._tried(source), self.dataset.n_documents
        key = repr(encoder)
        kinds = (("documents", 0 if key in self._encoded else n), ("queries", queries))
        self._encoded |= {key} if times == 1 else set()
        for kind, count in kinds:
            part = self.speeds.documents(encoder) if kind == "documents" else self.speeds.queries(encoder)
            if count:
                about, memory_gb = f"{count * times:,} {kind}", part.memory_gb + self.text_gb
                disk_gb = count * times * part.disk_gb
                whose = "" if source.name == "dense" else f" ({source.name})"
                yield StageCost(f"encode {kind}{whose}{name}", about, part.seconds(count) * times, memory_gb, disk_gb)

    def _scoring(self, scorers: list[Any], name: str, pairs: int, most: str = "") -> Iterator[StageCost]:
        for scorer in scorers:
            part = self.speeds.score(scorer)
            about, memory_gb = f"{most}{pairs:,} pairs", part.memory_gb + self.text_gb
            yield StageCost(f"score by {scorer.name}{name}", about, part.seconds(pairs), memory_gb)

    def _training(self, stage: Stage, name: str, number: int, queries: int) -> Iterator[StageCost]:
        settings, part = stage.train, self.speeds.step("", number)
        steps_once = settings.max_steps or count_steps(self.dataset, settings, split=stage.mine.split)
        steps = steps_once * self.seeds
        disk_gb = TRAINING_COPIES * part.disk_gb * self.seeds
        seconds, memory_gb = part.seconds(steps), part.memory_gb + self.text_gb
        yield StageCost(f"train{name}", f"{steps:,} steps", seconds, memory_gb, disk_gb, "on one")
        again = refreshes(stage) * self.seeds if stage.sources else 0
        if again:
            yield self._look(f"encode while training{name}", again, queries, spread="on one")
        yield from self._watching(stage, name, steps_once)

    def _watching(self, stage: Stage, name: str, steps: int) -> Iterator[StageCost]:
        watch = stage.train.watch
        size = None if watch is None else SplitSize.of(self.dataset, watch.split)
        if watch is None or size is None:
            return
        epoch_steps = count_steps(self.dataset, replace(stage.train, epochs=1, max_steps=None), split=stage.mine.split)
        looks, encoder = Looks.of(watch, size, epoch_steps=epoch_steps), measuring_with(self.recipe.model, self.recipe)
        memory_gb = self.speeds.documents(encoder).memory_gb + self.text_gb
        seconds = self.seeds * looks.seconds(steps, self.speeds, encoder)
        times = self.seeds * (looks.times(steps) + watch.whole)
        yield StageCost(f"look while training{name}", f"{times:,} times", seconds, memory_gb, spread="on one")

    def _measuring(self, n_rows: int) -> Iterator[StageCost]:
        rows = n_rows + ("in_batch" in self.recipe.evaluate.rows)
        looks = rows * self.seeds + ("zero_shot" in self.recipe.evaluate.rows)
        test = len(self.dataset.queries_of(self.recipe.evaluate.split))
        yield self._look("evaluate", looks, test)

    def _look(self, name: str, times: int, queries: int, *, spread: Spread = "over") -> StageCost:
        """Encode everything with a model that was trained, some times."""
        encoder = measuring_with(self.recipe.model, self.recipe)
        seconds = times * self.speeds.encoding(encoder, documents=self.dataset.n_documents, queries=queries)
        memory_gb = self.speeds.documents(encoder).memory_gb + self.text_gb
        return StageCost(name, f"{times:,} times", seconds, memory_gb, spread=spread)


def _as(stage: StageCost, name: str, times: int) -> StageCost:
    return StageCost(name, stage.work, stage.seconds * times, stage.memory_gb, stage.disk_gb * times, stage.spread)
