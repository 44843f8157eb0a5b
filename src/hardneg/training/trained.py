"""What a finished training is: its model, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from hardneg.data.findings import Finding
from hardneg.errors import RunError
from hardneg.notebook import Framed
from hardneg.training.folder import TrainingFolder
from hardneg.training.refresh.store import Refreshed, Rounds
from hardneg.training.watch.curve import Curve, WatchedTraining


@dataclass(frozen=True, repr=False)
class Trained(Framed):
    """A finished training run."""

    path: Path  # of the trained model, for `SentenceTransformer(path)`
    n_steps: int
    n_pairs: int  # of an epoch
    loss: float  # mean of the last tenth of the steps, of at least ten if there are as many
    seconds: float  # earlier sessions included
    findings: tuple[Finding, ...] = ()
    refreshes: tuple[Refreshed, ...] = ()
    own_negatives: int = 0  # those that the labels name and that were trained on, none being mined
    # As `Reading.as_dict` has it; empty in a folder from before this was kept.
    reading: Mapping[str, Any] = field(default_factory=dict)
    watched: WatchedTraining | None = None  # None where nothing was measured while training

    def frame(self) -> pl.DataFrame:
        """Lay the figures of the training out as a table of one row."""
        names = ("n_steps", "n_pairs", "loss", "seconds", "own_negatives")
        return pl.DataFrame([{"path": str(self.path)} | {name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        return (
            f"Trained: {self.n_steps:,} steps over {self.n_pairs:,} pairs in {self.seconds:,.0f} s, final loss "
            f"{self.loss:.4g}; the model is {self.path}" + ("" if self.watched is None else f"; {self.watched}")
        )


def read_trained(path: Path) -> Trained:
    """Read what a training of other processes, which has ended, has left in its folder."""
    folder = TrainingFolder(path)
    result = folder.result()
    if result is None:
        raise RunError(f"{path} holds no training that is finished; the same command goes on with it")
    return trained_of(folder, result)


def trained_of(folder: TrainingFolder, result: dict[str, Any]) -> Trained:
    """Put together what a finished training has left."""
    return Trained(
        path=folder.model,
        **result,
        findings=folder.findings(),
        refreshes=tuple(Rounds(folder.path).records()),
        watched=Curve(folder.path).watched(),
    )
