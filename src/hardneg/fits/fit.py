"""From a dataset to the best model: known, raced, chosen, trained on all labels, tested once, handed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from ir_measures import Measure

from hardneg.arguments import check_places, check_whole
from hardneg.data.dataset import Dataset
from hardneg.data.given import check_dataset
from hardneg.engines import Engine, working_on
from hardneg.fits.fitting import Fitting, Watched
from hardneg.fits.request import FitRequest
from hardneg.ladders.ladder import claimed
from hardneg.notebook import Framed


@dataclass(frozen=True, repr=False)
class Fitted(Framed):
    """What a fit found, as `fit.json` in its folder has it."""

    folder: Path
    found: Mapping[str, Any] = field(repr=False)

    @property
    def model(self) -> Path:
        """The best model, for `SentenceTransformer(path)`."""
        return self.folder / "model"

    @property
    def best(self) -> str:
        """The strategy that it was trained with; `zero_shot` if no training beat the model as it was."""
        name: str = self.found["choice"]["strategy"]
        return name

    def frame(self) -> pl.DataFrame:
        """Lay out what the test shows: one row a system, with the measure that decides and its interval."""
        by = self.found["measure"]
        rows = [{"system": name, **figures[by]} for name, figures in self.found["test"]["rows"].items()]
        return pl.DataFrame(rows).select("system", "value", "low", "high", "n")

    def __repr__(self) -> str:
        test = self.found["test"]["rows"][self.best][self.found["measure"]]
        return (
            f"Fitted: {self.best}, {self.found['measure']} {test['value']:.4f} [{test['low']:.4f}, {test['high']:.4f}] "
            f"on {test['n']:,} test queries; the model is {self.model}"
        )


def fit(
    dataset: Dataset,
    *,
    out: Path | str,
    model: str | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    effort: str = "normal",
    strategies: Sequence[str] | None = None,
    preset: str | None = None,
    recipe: str | Path | None = None,
    sources: Sequence[object] = (),
    settings: Mapping[str, Any] | None = None,
    max_tokens: int | None = None,
    measures: Sequence[str | Measure] | None = None,
    primary: str | Measure | None = None,
    split: str = "train",
    dev: str | None = None,
    test: str = "test",
    seed: int = 0,
    engine: Engine | None = None,
) -> Fitted:
    """Find out what trains the best model on a dataset, and train it, within a budget.

    The dataset is checked, and split where splits are missing. Strategies race on one half of the development queries:
    fewer of them, and longer, from round to round. The winner must hold on the other half, is trained on the labels of
    train and dev, and measured on the test split, once.

    Args:
        dataset: What to learn from.
        out: Folder of the fit. An interrupted one goes on where it stopped when called again.
        model: The model to start from.
        minutes: Minutes for all of it; None takes those of `effort`. With a time as the budget, what is tried depends
            on how fast the machine is.
        steps: Steps of a whole training, in place of a time: the same result on any machine.
        effort: "fast" (10 minutes, 64 tokens, few strategies), "normal" (an hour) or "thorough" (four hours).
        strategies: Rungs of the ladder, presets or recipes that race; None takes those of `effort`.
        preset: A preset that races beside them: code, legal, conversation or recommender.
        recipe: Take model, options of sources and training settings from a recipe.
        sources: Options of a source, for all strategies that use it: `["bm25(analyzer='code')"]`.
        settings: Training settings of all that is tried; a `learning_rate` is the lower of the two that come first.
        max_tokens: Cut texts there: mining, training and measuring alike.
        measures: What to measure, as for `evaluate`.
        primary: The measure to choose by; the first of `measures` if None.
        split: Split to train on.
        dev: Split to choose on; None takes dev, validation, valid or val, or deals one.
        test: Split to test on, once, at the end; dealt if it is "test" and missing.
        seed: Of everything.
        engine: Who works: `Ray(address="auto", cpus=4)` of `hardneg.engines` encodes and mines block by block, and does
            trainings of a round at a time, one a worker. What is planned is for one worker, so more of them end sooner.

    Returns:
        What was tried, what won and what the test says; `model` in the folder is the best model.

    Raises:
        DatasetError: The dataset has errors, or cannot be split.
        RecipeError: A strategy, a component or a setting cannot be used.
        RunError: `out` holds something else, or a fit that is going on.
        Interrupted: Ctrl-C; the same call goes on where it stopped.
    """
    check_dataset(dataset, purpose="fit")
    check_places("fit", optional=False, out=out)
    check_whole("fit", least=0, seed=seed)
    request = FitRequest.of(
        effort=effort,
        minutes=minutes,
        steps=steps,
        rungs=strategies,
        preset=preset,
        recipe=recipe,
        model=model,
        sources=sources,
        settings=settings or {},
        max_tokens=max_tokens,
        measures=measures,
        primary=primary,
        split=split,
        dev=dev,
        test=test,
        seed=seed,
    )
    with working_on(engine, keep=False):
        return fit_in(Path(out), dataset, request)


def fit_in(folder: Path, dataset: Dataset, request: FitRequest, *, watched: Watched | None = None) -> Fitted:
    """Do a fit in a folder, and tell how it goes on."""
    with claimed(folder):
        return Fitted(folder, Fitting(dataset, request, folder, watched or Watched()).run())
