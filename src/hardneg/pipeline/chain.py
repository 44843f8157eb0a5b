"""Training, stage after stage: each mines, if it has sources, and trains the model that the one before it made."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hardneg.data.dataset import Dataset
from hardneg.losses.weighted_sum import needs_teacher, without_teacher
from hardneg.pipeline.also import Further, parts_of
from hardneg.pipeline.judged_labels import labelled_for, named_verdicts
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine_plan
from hardneg.pipeline.score_stage import score_stage
from hardneg.recipe import Recipe, Stage, plan_of
from hardneg.recipe.watching import watch_of
from hardneg.runs.folder import RunFolder
from hardneg.runs.found import with_found
from hardneg.runs.layout import Seeded, StageKey
from hardneg.training.settings import TrainSettings


def opened(recipe: Recipe, path: Path, *, shared: Path | None = None) -> RunFolder:
    """Open the folder of a recipe's run; see `RunFolder.open`."""
    return RunFolder.open(path, recipe=recipe.fingerprint, resolved=recipe.resolved(), seed=recipe.seed, shared=shared)


def stage_rows(recipe: Recipe) -> dict[str, Stage]:
    """Name the row of each stage's model: the stage, but for the last "mined", or "in_batch" if nothing is mined."""
    last = "mined" if any(stage.sources for stage in recipe.stages) else "in_batch"
    *earlier, final = recipe.stages
    return {stage.name: stage for stage in earlier} | {last: final}


def in_batch_rows(recipe: Recipe) -> dict[str, Stage]:
    """Lay out the same training without mined or judged negatives; stages that have no others are left out."""
    *earlier, final = [
        replace(stage, sources=(), train=replace(stage.train, own_negatives=False))
        for stage in recipe.stages
        if stage.train.in_batch
    ]
    return {f"in_batch.{stage.name}": stage for stage in earlier} | {"in_batch": final}


def planned_stages(recipe: Recipe) -> list[str]:
    """Name all that a run will do, in order, as its manifest names it."""
    rows = recipe.evaluate.rows
    planned = ["dataset", *(f"evaluate {name}" for name in ("bm25", "zero_shot") if name in rows)]
    chain = stage_rows(recipe)
    both = [in_batch_rows(recipe), chain] if "in_batch" in rows and "in_batch" not in chain else [chain]
    seeds = recipe.seeds or (recipe.train.seed,)
    for trained in both:
        for seed in seeds:
            for name, stage in trained.items():
                planned += [*_planned(name, stage, recipe, seed=seed), str(StageKey("evaluate", Seeded(name, seed)))]
    return list(dict.fromkeys(planned))


def _planned(name: str, stage: Stage, recipe: Recipe, *, seed: int) -> list[str]:
    where = Seeded(name, seed if stage.needs else None) if recipe.stage else Seeded("")
    has_scores = stage.sources and recipe.teachers and needs_teacher(stage.train.loss)
    mined = [StageKey("mine", where)] if stage.sources else []
    scored = [StageKey("score", where)] if has_scores else []
    return [str(key) for key in (*mined, *scored, StageKey("train", Seeded(name, seed)))]


def train_stages(
    rows: Mapping[str, Stage],
    recipe: Recipe,
    dataset: Dataset,
    folder: RunFolder,
    *,
    seed: int,
    mined: dict[Path, Mined],
    further: Sequence[Further] = (),
) -> Iterator[tuple[str, Path]]:
    """Train all stages with one seed; what is done is not done again."""
    from hardneg.training.loop import train

    model, trained = recipe.model, dict[str, str]()
    for name, stage in rows.items():
        negatives, plan, scores, data = None, None, None, labelled_for(stage.mine, dataset)
        mining, place = stage.with_models(trained), None
        if stage.sources:
            place = _mining_place(folder, name, stage, recipe, dataset, seed=seed)
            if place not in mined:
                mined[place] = mine_stage(mining, place, recipe, dataset, folder)
            negatives, plan = mined[place].negatives, mined[place].plan
            data = with_found(data, mined[place].found, split=stage.mine.split)
            scores = score_stage(recipe, stage, data, negatives, folder, place=place)
        also = parts_of(further, mining, recipe, folder, place=place, done=mined)
        out, split = training_place(folder, name, seed), stage.mine.split
        settings = _settings(stage, recipe, seed=seed if recipe.seeds else stage.train.seed)
        with folder.stage(f"train {out.name}"):
            done = train(
                model,
                data,
                negatives,
                scores=scores,
                settings=settings,
                plan=plan,
                split=split,
                also=also,
                out=out,
            )
        path = done.path
        if done.own_negatives:
            folder.manifest.setdefault("own_negatives", {})[out.name] = done.own_negatives
        model = trained[stage.name] = str(path)
        yield name, path


def _settings(stage: Stage, recipe: Recipe, *, seed: int) -> TrainSettings:
    """Give a stage's settings; without mined negatives, less what needs them or a teacher's scores of them."""
    settings = replace(stage.train, seed=seed, watch=watch_of(stage.train, recipe.evaluate))
    if stage.sources:
        return settings
    return replace(settings.without_mined, loss=without_teacher(settings.loss) or settings.loss)


def training_place(folder: RunFolder, name: str, seed: int) -> Path:
    """Where a row's model of one seed is trained."""
    return folder.path / "training" / str(Seeded(name, seed))


def shared_place(shared: Path, stage: Stage, recipe: Recipe, dataset: Dataset) -> Path:
    """Name the folder for what a stage mines, the same for all stages that mine and score the same."""
    key = [plan_of(stage, seed=recipe.seed).key(dataset), stage.train.max_pairs, recipe.seeds or stage.train.seed]
    return shared / hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()


def _mining_place(folder: RunFolder, name: str, stage: Stage, recipe: Recipe, dataset: Dataset, *, seed: int) -> Path:
    if folder.shared is not None and not stage.needs:
        return shared_place(folder.shared, stage, recipe, dataset)
    folder_name = str(Seeded(name, seed if stage.needs else None))
    return folder.path / "stages" / folder_name if recipe.stage else folder.path


def mine_stage(stage: Stage, place: Path, recipe: Recipe, dataset: Dataset, folder: RunFolder) -> Mined:
    """Mine what a stage trains with; what is mined is not mined again."""
    with folder.stage(f"mine {place.name}" if recipe.stage else "mine"):
        mined = mine_plan(
            dataset,
            plan_of(stage, seed=recipe.seed),
            block_size=stage.mine.block_size,
            verdicts=named_verdicts(stage.mine, dataset),
            out=place,
        )
    counts = {"funnel": mined.funnel, "found_positives": mined.found.height}
    counts |= {} if mined.verdicts is None else {"verdicts": mined.verdicts.as_dict()}
    folder.manifest.update(counts)
    if recipe.stage:
        folder.manifest.setdefault("mined", {})[place.name] = counts
    return mined
