"""What was seen while a model was trained, on disk.

watch.json                   what is looked at, and how much of the split that is
watch.jsonl                  one line a look
watch.parquet                the value of each query at each look: `step`, `query_id`, `value`
best/step-N/                 the weights of the best look, if they are to be kept; gone when the run is finished
watch/                       the model that was kept, measured on all queries against all documents
"""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from hardneg.checksums import checked
from hardneg.data.findings import Finding
from hardneg.evaluation.metrics import primary_of
from hardneg.files import replacing, write_json
from hardneg.runs import layout
from hardneg.runs.parts import read_table
from hardneg.runs.state import read_lines, read_state
from hardneg.training.watch.sample import Sampled
from hardneg.training.watch.settings import Watch

_LEVEL = 0.025  # chance that a fall by luck is called one; with two looks that is a bound of two standard errors
_SCHEMA = {"step": pl.Int64, "query_id": pl.String, "value": pl.Float64}


@dataclass(frozen=True)
class Look:
    """What the weights of one step reached."""

    step: int
    epoch: float  # epochs done
    value: float
    best: int  # step of the best look up to here, the first of equal ones
    seconds: float  # that the look took

    @classmethod
    def after(cls, before: Sequence["Look"], step: int, epoch: float, value: float, *, seconds: float) -> "Look":
        """Make the look that follows some others."""
        best = max(before, key=lambda look: look.value, default=None)
        at = step if best is None or value > best.value else best.step
        return cls(step, round(epoch, 4), value, at, round(seconds, 3))


@dataclass(frozen=True)
class WatchedTraining:
    """What was seen of a training, from before its first step to its end."""

    about: Sampled
    measure: str
    keep: str
    looks: tuple[Look, ...]
    stopped: bool = False  # for want of a new best
    whole: float | None = None  # of the model that was kept, on all queries against all documents

    @property
    def first(self) -> Look:
        """The look before the first step."""
        return self.looks[0]

    @property
    def last(self) -> Look:
        """The latest look."""
        return self.looks[-1]

    @property
    def best(self) -> Look:
        """The look with the largest value, the first of equal ones."""
        return next(look for look in self.looks if look.step == self.last.best)

    @property
    def kept(self) -> Look:
        """The look at the weights that are the trained model."""
        return self.best if self.keep == "best" else self.last

    def __str__(self) -> str:
        first, best, last = (f"{look.value:.4f}" for look in (self.first, self.best, self.last))
        parts = [f"{first} before training", f"best {best} at step {self.best.step:,}"]
        parts += [f"last {last} at step {self.last.step:,}"] if self.best is not self.last else []
        kept = "the model is that of the best look" if self.keep == "best" else "the model is that of the last step"
        lines = [f"{self.measure} on {self.about}", ", ".join(parts), kept]
        lines += ["training stopped early, as the best did not move"] if self.stopped else []
        lines += [f"{self.whole:.4f} on all queries against all documents"] if self.whole is not None else []
        return "; ".join(lines)


@dataclass(frozen=True)
class Curve:
    """Paths and lines of the looks of a run."""

    path: Path  # of the training

    def begin(self, about: Sampled, watch: Watch, *, measure: str, steps: int) -> None:
        """Write down what is looked at."""
        summary = {"split": about.split, "measure": measure, "keep": watch.keep, "patience": watch.patience}
        summary["steps"] = steps
        counts = {key: value for key, value in asdict(about).items() if key != "split"}
        write_json(self.path / layout.WATCH, summary | counts | {"sample": str(about)})

    def looks(self) -> list[Look]:
        """Read the looks so far, in order; nothing if there was none."""
        return [Look(**line) for line in read_lines(self.path / layout.LOOKS)]

    def values(self) -> pl.DataFrame:
        """Read the value of each query at each look."""
        file = self.path / layout.LOOK_VALUES
        return read_table(checked(file)) if file.exists() else pl.DataFrame(schema=_SCHEMA)

    def add(self, look: Look, values: pl.DataFrame) -> None:
        """Write down a look; `values` has `query_id` and `value`."""
        rows = values.select(pl.lit(look.step, dtype=pl.Int64).alias("step"), "query_id", "value")
        with replacing(self.path / layout.LOOK_VALUES) as temporary:
            pl.concat([self.values(), rows]).write_parquet(temporary)
        with (self.path / layout.LOOKS).open("a") as file:  # last: a look is there when its line is
            file.write(json.dumps(asdict(look)) + "\n")

    def cut(self, done: int) -> None:
        """Drop the looks that a run from a step on will take again."""
        kept = [look for look in self.looks() if look.step <= done]
        values = self.values().filter(pl.col("step").is_in([look.step for look in kept]))
        with replacing(self.path / layout.LOOK_VALUES) as temporary:
            values.write_parquet(temporary)
        with replacing(self.path / layout.LOOKS) as temporary:
            temporary.write_text("".join(json.dumps(asdict(look)) + "\n" for look in kept))

    def weights(self, step: int) -> Path:
        """Name the folder of the weights of a look."""
        return self.path / "best" / f"step-{step:08d}"

    def forget_weights(self, *, but: Sequence[int]) -> None:
        """Remove the weights of all looks but some."""
        kept = {self.weights(step) for step in but}
        for folder in self.path.glob("best/step-*"):
            if folder not in kept:
                shutil.rmtree(folder)

    def watched(self) -> WatchedTraining | None:
        """Read everything; None if nobody looked."""
        about, looks = read_state(self.path / layout.WATCH, keys=("split", "measure", "keep", "steps")), self.looks()
        if not about or not looks:
            return None
        counts = {name: about[name] for name in Sampled.__dataclass_fields__}
        stopped = looks[-1].step < about["steps"] and is_spent(looks, about["patience"])
        return WatchedTraining(Sampled(**counts), about["measure"], about["keep"], tuple(looks), stopped, self._whole())

    def _whole(self) -> float | None:
        metrics: dict[str, Any] = read_state(self.path / layout.WATCHED / layout.METRICS, keys=("metrics",))
        return metrics["metrics"][primary_of(metrics)]["value"] if metrics else None


def is_spent(looks: Sequence[Look], patience: int | None) -> bool:
    """Say whether so many looks have brought no new best that training shall stop."""
    if patience is None or not looks:
        return False
    return sum(look.step > looks[-1].best for look in looks) >= patience


def fall(curve: Curve) -> Finding | None:
    """HN045: the last step is clearly worse than an earlier one, query by query, and is what was kept.

    The difference is compared with its standard error over queries. The best of many looks is partly lucky, so the
    bound is Bonferroni's for as many comparisons as there are other looks.
    """
    watched = curve.watched()
    if watched is None or watched.keep == "best" or watched.best is watched.last:
        return None
    values = curve.values()
    both = [values.filter(pl.col("step") == look.step).sort("query_id") for look in (watched.best, watched.last)]
    lost = (both[0]["value"] - both[1]["value"]).to_numpy()
    if not is_clear(lost, comparisons=len(watched.looks) - 1):
        return None
    best, last, measure = watched.best, watched.last, watched.measure
    when = "before training" if not best.step else f"after step {best.step:,} ({best.epoch:.3g} epochs)"
    share = f", {1 - last.value / best.value:.0%} of it" if best.value else ""
    return Finding(
        code="HN045",
        severity="warning",
        title="the model was better earlier",
        detail=(
            f"{measure} on {watched.about} was {best.value:.4f} {when} and is {last.value:.4f} after step "
            f"{last.step:,}: {best.value - last.value:.4f} less{share}, more than the queries differ by chance"
        ),
        remedy=(
            'train with watch.keep = "best", which keeps the model of the best look, and watch.patience to stop soon '
            "after it; or with fewer epochs, a lower learning rate or more weight decay"
        ),
        count=int((lost > 0).sum()),
    )


def is_clear(lost: np.ndarray, *, comparisons: int) -> bool:
    """Say whether paired differences are on average above 0 by more than chance explains."""
    n = len(lost)
    if n < 2:
        return False
    error = float(lost.std(ddof=1)) / math.sqrt(n)
    bound = NormalDist().inv_cdf(1 - _LEVEL / max(comparisons, 1))
    return float(lost.mean()) > bound * error
