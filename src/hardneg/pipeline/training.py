"""Training as Python users call it: with what was mined, on the labels that mining left."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hardneg.arguments import check_places, check_tables, check_texts, shown
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.errors import RecipeError
from hardneg.models.given import Loaded
from hardneg.negatives.plan import Plan
from hardneg.pipeline.mining import Mined
from hardneg.runs.found import with_found
from hardneg.training.settings import TrainSettings

if TYPE_CHECKING:  # settings are made on machines without torch
    from hardneg.training.loop import Trained


def train(
    model: str | Path | Loaded,
    dataset: Dataset,
    negatives: Mined | pl.DataFrame | None = None,
    *,
    scores: pl.DataFrame | None = None,
    settings: TrainSettings | None = None,
    plan: Plan | None = None,
    split: str | None = None,
    out: Path | str,
) -> "Trained":
    """Train a two-tower model on the positive pairs of a split, as `hardneg train` does.

    Args:
        model: Hub id, folder, or `package:NAME/FOLDER` of the model to start from, or a loaded
            `SentenceTransformer`, which is left as it is.
        dataset: Texts and labels; labels of all splits keep answers out of the negatives.
        negatives: What `mine` returned: its negatives are trained against, and the answers that it found, or that
            people judged, are taken for positives as `hardneg train --negatives RUN` takes them. A bare table (columns
            `query`, `document`, perhaps `weight`) brings no labels. None takes the negatives that the labels of the
            dataset name, and without any trains in-batch only.
        scores: Teacher scores for a loss that learns from them.
        settings: How to train; None takes the defaults.
        plan: What the negatives were mined with; needed for a refresh only, and known if `negatives` was mined.
        split: Whose positives to train on; None takes the split that was mined, else "train".
        out: Folder of this run; `model` in it is the trained model.

    Returns:
        Where the model is, and what it took.

    Raises:
        RecipeError: An argument is of the wrong kind, or the settings do not fit the model.
        InputError: As `hardneg.training.loop.train` raises.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
    """
    _check(dataset, negatives, settings, plan)
    check_texts("train", **({} if split is None else {"split": split}))
    check_tables("train", ("query", "document"), scores=scores)
    check_places("train", optional=False, out=out)
    mined = negatives if isinstance(negatives, Mined) else None
    table = negatives.negatives if isinstance(negatives, Mined) else negatives
    if mined is not None:
        plan, split = plan or mined.plan, split or mined.plan.split
        if split == mined.plan.split:
            dataset = with_found(dataset, mined.found, split=split)
    from hardneg.training.loop import train as train_model

    return train_model(
        model, dataset, table, scores=scores, settings=settings, plan=plan, split=split or "train", out=out
    )


def _check(dataset: object, negatives: object, settings: object, plan: object) -> None:
    """Refuse what is of the wrong kind before anything is loaded."""
    check_dataset(dataset, purpose="train")
    if not isinstance(negatives, Mined | pl.DataFrame | None):
        raise RecipeError(
            f"train: negatives are {shown(negatives)}; give what mine(…) returned, or a table with columns query and "
            "document"
        )
    if not isinstance(settings, TrainSettings | None):
        raise RecipeError(f"train: settings are {shown(settings)}; give TrainSettings(…)")
    if not isinstance(plan, Plan | None):
        raise RecipeError(f"train: the plan is {shown(plan)}; give the plan of what mine(…) returned")
