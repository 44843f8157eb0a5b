"""Training on what was mined: as Python users call it, and as the command asks for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts, shown
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.engines import Engine, Trains, current_engine, working_on
from hardneg.errors import DatasetError, RecipeError
from hardneg.files import check_folder
from hardneg.models.given import Loaded
from hardneg.models.options import check_installed
from hardneg.negatives.plan import Plan
from hardneg.pipeline.also import read_also
from hardneg.pipeline.joined import dataset_for, join
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.scores import read_scores
from hardneg.recipe import Also, FromPath, Recipe
from hardneg.recipe.watching import watch_of
from hardneg.runs import layout
from hardneg.runs.lock import writing
from hardneg.runs.origin import dataset_of, model_of
from hardneg.runs.record import recording
from hardneg.training.settings import TrainSettings

if TYPE_CHECKING:  # settings are made on machines without torch
    from hardneg.training.mixture import MixturePart
    from hardneg.training.trained import Trained


def train(
    model: str | Path | Loaded | None = None,
    dataset: Dataset | None = None,
    negatives: Mined | pl.DataFrame | Path | str | None = None,
    *,
    scores: pl.DataFrame | None = None,
    settings: TrainSettings | None = None,
    plan: Plan | None = None,
    split: str | None = None,
    also: "Sequence[MixturePart | Mined | Path | str | Dataset]" = (),
    allow_other_data: bool = False,
    out: Path | str,
    engine: Engine | None = None,
) -> "Trained":
    """Train a two-tower model on the positive pairs of a split, as `hardneg train` does.

    Args:
        model: Hub id, folder, or `package:NAME/FOLDER` of the model to start from, or a loaded
            `SentenceTransformer`, which is left as it is. None takes the one that `negatives` were mined with.
        dataset: Texts and labels; labels of all splits keep answers out of the negatives. None takes the one that was
            mined.
        negatives: What `mine` returned, or the folder that it or a run wrote: its negatives are trained against, and
            the answers that it found, or that people judged, are taken for positives. A bare table (columns `query`,
            `document`, perhaps `weight`) brings no labels. None takes the negatives that the labels of the dataset
            name, and without any trains in-batch only.
        scores: Teacher scores for a loss that learns from them.
        settings: How to train; None takes the defaults.
        plan: What the negatives were mined with; needed for a refresh only, and known if `negatives` was mined.
        split: Whose positives to train on; None takes the split that was mined, else "train".
        also: Further datasets to train on, a batch from one of them at a time: what `mine` returned, a folder that it
            wrote, a dataset (to be trained on with the negatives that its labels name), or a
            `hardneg.training.mixture.MixturePart`, which has prompts of its own too.
        allow_other_data: Take a folder that was mined with other labels, from the same texts; negatives that are
            answers by now are left out.
        out: Folder of this run; `model` in it is the trained model.
        engine: Who trains: `Ray(address="auto", workers=2)` of `hardneg.engines` starts a group of processes, which
            train as those of torchrun do. None trains here.

    Returns:
        Where the model is, and what it took.

    Raises:
        RecipeError: An argument is of the wrong kind or lacking, or the settings do not fit the model.
        InputError: As `hardneg.training.loop.train` raises.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
    """
    if isinstance(negatives, Mined):
        model = model or _only_model(negatives.plan)
    elif isinstance(negatives, Path | str):
        check_places("train", negatives=negatives)
        model = model or model_of(Path(negatives))
    dataset = _checked(dataset_for(dataset, negatives), negatives, settings, plan)
    if model is None:
        raise RecipeError("train: no model is named, and the negatives do not tell one; name the model to start from")
    check_texts("train", **({} if split is None else {"split": split}))
    check_tables("train", ("query", "document"), scores=scores)
    check_places("train", optional=False, out=out)
    if isinstance(negatives, Mined):
        plan = plan or negatives.plan
    if isinstance(negatives, Mined | Path | str):
        joined = join("train", dataset, negatives, split=split, allow_other_data=allow_other_data)
        dataset, negatives, split = joined.dataset, joined.negatives, joined.split
    parts = [_part_of(each, allow_other_data=allow_other_data) for each in also]
    with working_on(engine, keep=False):
        return train_together(
            model,
            dataset,
            negatives,
            out=out,
            scores=scores,
            settings=settings,
            plan=plan,
            split=split or "train",
            also=parts,
        )


def _part_of(given: object, *, allow_other_data: bool) -> "MixturePart":
    """Make of a further dataset, or of what was mined from one, what the loop takes."""
    from hardneg.training.mixture import MixturePart

    if isinstance(given, MixturePart):
        return given
    if isinstance(given, Dataset):
        return MixturePart(dataset=given)
    if not isinstance(given, Mined | Path | str):
        raise RecipeError(
            f"train: also is given {shown(given)}; give a dataset, what mine(…) returned, or a MixturePart"
        )
    joined = join("train", None, given, split=None, allow_other_data=allow_other_data)
    return MixturePart(dataset=joined.dataset, negatives=joined.negatives, split=joined.split)


def train_together(*arguments: Any, out: Path | str, **options: Any) -> "Trained":  # noqa: ANN401 - what the loop takes
    """Train by a group of the engine's processes, if it has such, else here."""
    from hardneg.training.loop import train as train_model
    from hardneg.training.trained import read_trained

    engine, place = current_engine(), Path(out)
    if not isinstance(engine, Trains):
        return train_model(*arguments, out=out, **options)
    with writing(place):
        engine.together(partial(train_model, *arguments, out=place.absolute(), **options), place)
    return read_trained(place)


@dataclass(frozen=True)
class Lesson:
    """All that a training needs, read and put together."""

    recipe: Recipe  # of it count the model, the settings and the split
    address: Mapping[str, Any]  # of the dataset, as `[dataset]` of a recipe
    dataset: Dataset
    negatives: pl.DataFrame | None
    scores: pl.DataFrame | None
    also: "tuple[MixturePart, ...]"
    out: Path
    notes: tuple[str, ...]  # for people

    def train(self) -> "Trained":
        """Train."""
        options = {key: value for key, value in self.address.items() if key != "path"}
        with recording(self.out, "train", dataset=self.address["path"], layout=options), writing(self.out):
            return train_together(
                self.recipe.model,
                self.dataset,
                self.negatives,
                scores=self.scores,
                settings=replace(self.recipe.train, watch=watch_of(self.recipe.train, self.recipe.evaluate)),
                split=self.recipe.mine.split,
                also=self.also,
                out=self.out,
            )


def prepare_training(
    changes: Mapping[str, Any],
    *,
    recipe: str | None,
    address: Mapping[str, Any],
    negatives: Path | None,
    scores: Path | None,
    also: Sequence[str] = (),
    allow_other_data: bool,
    out: Path,
) -> Lesson:
    """Read what is to be trained on; the run that `negatives` names says which dataset and model, if nothing else does.

    `changes` go before the recipe; an `address` without a path names no dataset.
    """
    check_folder(out)
    check_installed("training", training=True)
    if "path" not in address:
        if negatives is None:
            raise RecipeError("train: name a dataset, or mined negatives, whose run knows it, with --negatives")
        address = {**dataset_of(negatives), **address}
    model = model_of(negatives) if negatives is not None and recipe is None and "model" not in changes else None
    table = {"dataset": address["path"], **({} if model is None else {"model": model}), **changes}
    loaded = Recipe.load(recipe, changes=table) if recipe else Recipe.from_table(table)
    dataset = FromPath(**address).read()
    mined, notes = None, tuple[str, ...]()
    if negatives is not None:
        split = loaded.mine.split
        joined = join("train", dataset, negatives, split=split, allow_other_data=allow_other_data)
        dataset, mined, notes = joined.dataset, joined.negatives, joined.notes
        if joined.found.height:
            notes += (f"{joined.found.height:,} found positives of {negatives} are taken for labels",)
    teacher_scores = None if scores is None else read_scores(scores, dataset)
    parts = []
    for each in (*loaded.also, *map(_named, also)):
        further = read_also(each, allow_other_data=allow_other_data)
        parts.append(further.part())
        notes += further.notes
    return Lesson(loaded, address, dataset, mined, teacher_scores, tuple(parts), out, notes)


def _named(place: str) -> Also:
    """Tell the folder of mined negatives from a dataset."""
    return Also(negatives=place) if (Path(place) / layout.MINING).exists() else Also(dataset=place)


def _only_model(plan: Plan) -> str | None:
    """Name the model of a plan's sources."""
    models = plan.models
    if len(models) > 1:
        raise RecipeError(f"train: the negatives were mined with {', '.join(models)}; name the model to start from")
    return models[0] if models else None


def _checked(dataset: Any, negatives: object, settings: object, plan: object) -> Dataset:  # noqa: ANN401
    """Refuse what is of the wrong kind before anything is loaded."""
    if dataset is None:
        raise DatasetError("train: no dataset is given; read one (read_dataset), or give negatives that know theirs")
    check_dataset(dataset, purpose="train")
    if not isinstance(negatives, Mined | pl.DataFrame | Path | str | None):
        raise RecipeError(
            f"train: negatives are {shown(negatives)}; give what mine(…) returned, or a table with columns query and "
            "document"
        )
    if not isinstance(settings, TrainSettings | None):
        raise RecipeError(f"train: settings are {shown(settings)}; give TrainSettings(…)")
    if not isinstance(plan, Plan | None):
        raise RecipeError(f"train: the plan is {shown(plan)}; give the plan of what mine(…) returned")
    checked: Dataset = dataset
    return checked
