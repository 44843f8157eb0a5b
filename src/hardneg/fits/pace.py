"""How fast the parts of a fit are on this machine, and what settings its model begins with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardneg.costs.speeds import Speeds, measure, refreshes
from hardneg.data.dataset import Dataset
from hardneg.fits.halves import MOST
from hardneg.fits.request import BASE
from hardneg.fits.schedule import Speed
from hardneg.ladders.rungs import Rung
from hardneg.models.options import check_installed
from hardneg.recipe import Recipe
from hardneg.recipe.trust import measuring_with

_TRIED_S = 1.5  # of encoding documents, and queries; the first few texts of all tell twice the time
_START_S, _SAVED_S_GB = 2.0, 10.0  # of a training: loading the model, and saving each gigabyte of it
_FIT_S = 20.0  # of a learned filter, beside searching once more
_STATIC = {"batch_size": 128}  # of a model whose steps cost next to nothing


def try_out(rungs: Mapping[str, Rung], dataset: Dataset, *, split: str, folder: Path) -> Speeds:
    """Train a little in-batch, and encode a little."""
    return measure({BASE: rungs[BASE].recipe}, dataset, split=split, folder=folder, seconds=_TRIED_S)


def speed_of(
    rungs: Mapping[str, Rung],
    speeds: Speeds,
    dataset: Dataset,
    *,
    looking: Dataset,
    wider: Dataset,
    split: str,
    dev: str,
    test: str,
) -> Speed:
    """Put together how long trainings, searches and looks take, all of which are mostly reading texts.

    A race looks at the corpus `looking`, the choice, if it is not made against all documents, at a `wider` one.

    A step against negatives takes longer than one in-batch by what it has more to read, as far as encoding tells.
    Documents are encoded once with the model as it is, and anew with each that was trained.
    """
    encoder = measuring_with(rungs[BASE].recipe.model, rungs[BASE].recipe)
    document_s, query_s = speeds.documents(encoder).each_s, speeds.queries(encoder).each_s
    base = speeds.step(BASE, 0)
    of_one = base.each_s * document_s / (document_s + query_s) if document_s else base.each_s / 2
    n_train = len(dataset.queries_of(split))
    everything, search = document_s * dataset.n_documents, query_s * n_train

    def seconds(corpus: Dataset) -> float:
        return document_s * corpus.n_documents + query_s * min(len(corpus.queries_of(dev)), 2 * MOST)

    return Speed(
        step={name: base.each_s + of_one * _negatives(rung) for name, rung in rungs.items()},
        remine={name: (everything + search) * _refreshes(rung) for name, rung in rungs.items()},
        start=_START_S + _SAVED_S_GB * base.disk_gb,
        mine=search,
        learn=search + _FIT_S,
        look=seconds(looking),
        wide=seconds(wider),
        whole=seconds(dataset),
        asked=query_s * len(dataset.queries_of(test)),
    )


def first_settings(recipe: Recipe) -> dict[str, Any]:
    """Give the settings that the search begins with for the model of a recipe, by its kind and width."""
    check_installed("a fit, which trains models,", training=True)
    from hardneg.models.sentence_transformer import load_model
    from hardneg.training.rates import default_rate, is_all_tables

    loaded = load_model(recipe.model, device="cpu", trust_remote_code=recipe.trusts)
    return {"learning_rate": default_rate(loaded)} | (_STATIC if is_all_tables(loaded) else {})


def _negatives(rung: Rung) -> int:
    stage = rung.recipe.stages[0]
    return (stage.train.negatives_per_row or stage.select.per_query) if stage.sources else 0


def _refreshes(rung: Rung) -> int:
    if rung.refreshes is not None:
        return rung.refreshes
    return sum(refreshes(stage) for stage in rung.recipe.stages)
