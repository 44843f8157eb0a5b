"""Trainings with refreshes, for processes of a group; each writes down what it has seen."""

import polars as pl

from hardneg.negatives import Selection
from hardneg.negatives.plan import Plan
from hardneg.sources import Dense
from hardneg.training.loop import train
from hardneg.training.refresh.settings import Refresh
from hardneg.training.sampling.replacement import Replacement
from hardneg.training.settings import TrainSettings
from toy import toy_dataset


def refreshed(rank, start, mined, out):
    """Train in a group, and write down what this process has seen of it."""
    plan = Plan("train", (Dense(model=start, precision="fp32"),), (), Selection(per_query=5), depth=8)
    settings = TrainSettings(
        batch_size=8,
        learning_rate=5e-3,
        precision="fp32",
        negatives_per_row=2,
        refresh=Refresh(every=2, rescore_every=1),
        replacement=Replacement(every=1, factor=1.01),
    )
    trained = train(start, toy_dataset(), pl.read_parquet(mined), settings=settings, plan=plan, out=out / "run")
    seen = (trained.loss, [(each.step, each.work, each.overlap) for each in trained.refreshes])
    (out / f"{rank}.txt").write_text(repr(seen))


CLUSTERED = TrainSettings(
    batch_size=8,
    epochs=2,
    learning_rate=5e-3,
    precision="fp32",
    clusters="greedy(neighbours=4)",
    refresh=Refresh(every=3),
)


def clustered(rank, start, out):
    """Train in a group on clustered batches, and write down the last loss."""
    trained = train(start, toy_dataset(), settings=CLUSTERED, out=out / "run")
    (out / f"{rank}.txt").write_text(repr(trained.loss))
