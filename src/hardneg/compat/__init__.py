"""What other libraries call by these names, with hardneg behind it: one changed import line.

from hardneg.compat import mine_hard_negatives           # was: from sentence_transformers.util import …
from hardneg.compat import LabelAwareLoss, IdCollator    # losses of hardneg in the peer's trainer
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardneg.compat.hard_negatives import mine_hard_negatives
    from hardneg.compat.trainer import IdCollator, LabelAwareLoss, training_rows

_HOME = {
    "IdCollator": "hardneg.compat.trainer",
    "LabelAwareLoss": "hardneg.compat.trainer",
    "mine_hard_negatives": "hardneg.compat.hard_negatives",
    "training_rows": "hardneg.compat.trainer",
}

__all__ = ["IdCollator", "LabelAwareLoss", "mine_hard_negatives", "training_rows"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'hardneg.compat' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
