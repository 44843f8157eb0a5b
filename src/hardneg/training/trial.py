"""A few steps of training, to see how long one takes."""

from pathlib import Path

import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.training.folder import TrainingFolder
from hardneg.training.settings import TrainSettings

_WARM_UP = 2  # steps that pay for what is prepared once


def seconds_a_step(
    model: str | Path,
    dataset: Dataset,
    negatives: pl.DataFrame | None,
    *,
    settings: TrainSettings,
    split: str = "train",
    out: Path,
) -> float:
    """Train for a few steps and say how long one took."""
    from hardneg.training.loop import train

    train(model, dataset, negatives, settings=settings, split=split, out=out)
    seconds = [record["seconds"] or 0.0 for record in TrainingFolder(out).records()]
    return (seconds[-1] - seconds[_WARM_UP - 1]) / (len(seconds) - _WARM_UP)
