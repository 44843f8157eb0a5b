"""Hard negatives for two-tower retrieval: mined, checked, trained with, and proved.

Names are loaded when they are first used, so that importing hardneg loads neither torch nor polars.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from hardneg import moved

if TYPE_CHECKING:
    from hardneg.costs.recipe import estimate
    from hardneg.data.dataset import Dataset
    from hardneg.data.reading import read_dataset
    from hardneg.data.splitting import Dealing, split_dataset
    from hardneg.evaluation.retrieval import evaluate
    from hardneg.evaluation.significance import compare
    from hardneg.fits.fit import fit
    from hardneg.ladders.ladder import ladder
    from hardneg.negatives import Selection
    from hardneg.pipeline.mining import mine
    from hardneg.pipeline.run import run
    from hardneg.pipeline.training import train
    from hardneg.recipe import Recipe
    from hardneg.reports.write import report
    from hardneg.training.settings import TrainSettings
    from hardneg.verbs.audit import audit
    from hardneg.verbs.calibrate import calibrate
    from hardneg.verbs.check import check
    from hardneg.verbs.encode import encode
    from hardneg.verbs.export import export
    from hardneg.verbs.score import score
    from hardneg.verbs.verify import verify

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "Dealing",
    "Recipe",
    "Selection",
    "TrainSettings",
    "audit",
    "calibrate",
    "check",
    "compare",
    "encode",
    "estimate",
    "evaluate",
    "export",
    "fit",
    "ladder",
    "mine",
    "read_dataset",
    "report",
    "run",
    "score",
    "split_dataset",
    "train",
    "verify",
]

_HOME = {
    "Dataset": "hardneg.data.dataset",
    "Dealing": "hardneg.data.splitting",
    "Recipe": "hardneg.recipe",
    "Selection": "hardneg.negatives",
    "TrainSettings": "hardneg.training.settings",
    "audit": "hardneg.verbs.audit",
    "calibrate": "hardneg.verbs.calibrate",
    "check": "hardneg.verbs.check",
    "compare": "hardneg.evaluation.significance",
    "encode": "hardneg.verbs.encode",
    "estimate": "hardneg.costs.recipe",
    "evaluate": "hardneg.evaluation.retrieval",
    "export": "hardneg.verbs.export",
    "fit": "hardneg.fits.fit",
    "ladder": "hardneg.ladders.ladder",
    "mine": "hardneg.pipeline.mining",
    "read_dataset": "hardneg.data.reading",
    "report": "hardneg.reports.write",
    "run": "hardneg.pipeline.run",
    "score": "hardneg.verbs.score",
    "verify": "hardneg.verbs.verify",
    "split_dataset": "hardneg.data.splitting",
    "train": "hardneg.pipeline.training",
}

moved.install()


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'hardneg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
