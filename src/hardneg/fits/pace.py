"""How fast the parts of a fit are on this machine, and what learning rates its model may want."""

from collections.abc import Mapping
from pathlib import Path

from hardneg.costs.speeds import Speeds, measure, refreshes
from hardneg.data.dataset import Dataset
from hardneg.fits.request import BASE
from hardneg.fits.schedule import Speed
from hardneg.ladders.rungs import Rung
from hardneg.models.options import check_installed
from hardneg.recipe import Recipe

_START_S, _SAVED_S_GB = 2.0, 10.0  # of a training: loading the model, and saving each gigabyte of it
_FIT_S = 20.0  # of a learned filter, beside searching once more
_RATES = {"static": 0.03, "transformer": 3e-5}  # the middle of those that are tried


def try_out(rungs: Mapping[str, Rung], dataset: Dataset, *, split: str, folder: Path) -> Speeds:
    """Train a little with the fewest and with the most negatives, and encode a little."""
    most = max(rungs, key=lambda name: _negatives(rungs[name]))
    recipes = {name: rungs[name].recipe for name in dict.fromkeys((BASE, most))}
    return measure(recipes, dataset, split=split, folder=folder)


def speed_of(
    rungs: Mapping[str, Rung],
    speeds: Speeds,
    dataset: Dataset,
    looking: Dataset,
    *,
    split: str,
    dev: str,
    look_s: float,
) -> Speed:
    """Put together how long trainings, searches and looks take, one of which was timed: encoding is most of it."""
    most = max(rungs, key=lambda name: _negatives(rungs[name]))
    least_s, most_s = speeds.step(BASE, 0).each_s, speeds.step(most, 0).each_s
    of_one = (most_s - least_s) / max(1, _negatives(rungs[most]))
    text_s = look_s / (looking.n_documents + looking.n_queries)
    n_train, n_dev = len(dataset.queries_of(split)), len(dataset.queries_of(dev))
    again = text_s * (dataset.n_documents + n_train)
    search = text_s * n_train
    return Speed(
        step={name: least_s + of_one * _negatives(rung) for name, rung in rungs.items()},
        remine={name: again * _refreshes(rung) for name, rung in rungs.items()},
        start=_START_S + _SAVED_S_GB * speeds.step(BASE, 0).disk_gb,
        mine=search,
        learn=search + _FIT_S,
        look=look_s,
        whole=text_s * (dataset.n_documents + n_dev),
    )


def kind_of(recipe: Recipe) -> str:
    """Tell a static model, which looks tokens up in a table, from one that reads texts."""
    check_installed("a fit, which trains models,", training=True)
    from torch import nn

    from hardneg.models.sentence_transformer import load_model

    loaded = load_model(recipe.model, device="cpu", trust_remote_code=recipe.trusts)
    tables = {id(each.weight) for each in loaded.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag)}
    return "static" if all(id(each) in tables for each in loaded.parameters()) else "transformer"


def middle_rate(kind: str) -> float:
    """Give the learning rate around which a model of a kind is tried."""
    return _RATES[kind]


def _negatives(rung: Rung) -> int:
    stage = rung.recipe.stages[0]
    return (stage.train.negatives_per_row or stage.select.per_query) if stage.sources else 0


def _refreshes(rung: Rung) -> int:
    if rung.refreshes is not None:
        return rung.refreshes
    return sum(refreshes(stage) for stage in rung.recipe.stages)
