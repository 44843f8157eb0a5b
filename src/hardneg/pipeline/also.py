"""Further datasets of one training: read, with what was mined from them, and mined by a run as the first one is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.data.reading import read_dataset
from hardneg.errors import InputError, RecipeError
from hardneg.models.options import ModelOptions
from hardneg.pipeline.joined import join
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine_plan
from hardneg.recipe import Also, Recipe, Stage, plan_of
from hardneg.runs import layout
from hardneg.runs.folder import RunFolder
from hardneg.runs.found import with_found
from hardneg.runs.origin import dataset_of

if TYPE_CHECKING:
    from hardneg.training.mixture import MixturePart


@dataclass(frozen=True, eq=False)
class Further:
    """A further dataset: its texts and labels, and the negatives that were mined before, if there are any."""

    settings: Also
    dataset: Dataset
    split: str
    negatives: pl.DataFrame | None
    notes: tuple[str, ...] = ()  # for people
    folder: str = ""  # of a run, below `also/`

    @property
    def prompts(self) -> dict[str, Any]:
        """The prompts that are given for it, by the names of a model's options."""
        given = {name: getattr(self.settings, name) for name in ("query_prompt", "document_prompt")}
        return {name: prompt for name, prompt in given.items() if prompt is not None}

    def part(self, mined: Mined | None = None, *, plain: bool = False) -> "MixturePart":
        """Give what training takes: with what was mined now, or before; `plain` leaves both out."""
        from hardneg.training.mixture import MixturePart

        dataset, negatives = self.dataset, None if plain else self.negatives
        if mined is not None:
            dataset, negatives = with_found(dataset, mined.found, split=self.split), mined.negatives
        return MixturePart(dataset=dataset, negatives=negatives, split=self.split, **self.prompts)

    def stage(self, stage: Stage) -> Stage:
        """Mine it as a stage says, in its own split and with its own prompts."""
        sources = tuple(
            replace(each, **self.prompts) if isinstance(each, ModelOptions) else each for each in stage.sources
        )
        return replace(stage, mine=replace(stage.mine, split=self.split, verdicts=None), sources=sources)

    def recipe(self, recipe: Recipe) -> Recipe:
        """Lay out what a run does with it alone."""
        return replace(recipe, also=(), stage=tuple(self.stage(each) for each in recipe.stages))


def read_also(also: Also, *, allow_other_data: bool = False) -> Further:
    """Read a further dataset, and what was mined from it."""
    dataset = None if also.dataset is None else read_dataset(also.dataset)
    if also.negatives is not None:
        joined = join("train", dataset, also.negatives, split=also.split, allow_other_data=allow_other_data)
        return Further(also, joined.dataset, joined.split, joined.negatives, joined.notes)
    assert dataset is not None
    return Further(also, dataset, also.split or "train", None)


def read_further(recipe: Recipe) -> tuple[Further, ...]:
    """Read the further datasets of a recipe, each with a folder of its own, and refuse what cannot be mined."""
    taken: dict[str, int] = {}
    several = []
    for number, settings in enumerate(recipe.also, start=1):
        each = read_also(settings)
        each.dataset.pairs_of(each.split)  # refused under its own name, if it has none
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", each.dataset.name).strip("-.") or str(number)
        taken[name] = taken.get(name, 0) + 1
        several.append(replace(each, folder=name if taken[name] == 1 else f"{name}-{number}"))
        for stage in recipe.stages if each.negatives is None else ():
            _check(several[-1], stage, recipe, number)
    return tuple(several)


def place_of(settings: Also) -> dict[str, Any]:
    """Say where a further dataset is, as `[dataset]` of a recipe says it."""
    if settings.dataset is not None:
        return {"path": settings.dataset}
    assert settings.negatives is not None
    return dataset_of(Path(settings.negatives))


def parts_of(
    further: Sequence[Further],
    stage: Stage,
    recipe: Recipe,
    folder: RunFolder,
    *,
    place: Path | None,
    done: dict[Path, Mined],
) -> "list[MixturePart]":
    """Mine from each further dataset what a stage trains with, below what it mined from the first; None mines nothing.

    What stands in `done` is not mined again.
    """
    if place is None:
        return [each.part(plain=True) for each in further]
    parts = []
    for each in further:
        if each.negatives is not None:
            parts.append(each.part())
            continue
        out = place / layout.ALSO / each.folder
        if out not in done:
            mining = each.stage(stage)
            plan = plan_of(mining, seed=recipe.seed)
            with folder.stage(f"mine {place.name}" if recipe.stage else "mine"):
                done[out] = mine_plan(each.dataset, plan, block_size=mining.mine.block_size, out=out)
        parts.append(each.part(done[out]))
    return parts


def _check(each: Further, stage: Stage, recipe: Recipe, number: int) -> None:
    """Make sure that what a stage mines with knows this dataset."""
    try:
        if stage.sources:
            plan_of(each.stage(stage), seed=recipe.seed).check(each.dataset)
    except InputError as error:
        raise RecipeError(
            f"also[{number}]: {error}; or mine {each.dataset.name} by itself (`hardneg mine`) and name the folder with "
            "negatives"
        ) from error
