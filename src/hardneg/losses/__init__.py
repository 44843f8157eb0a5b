"""Losses: functions of a score matrix, blind to where its columns came from."""

from hardneg.losses.debiased import Debiased
from hardneg.losses.hardness_weighted import HardnessWeighted
from hardneg.losses.info_nce import InfoNCE
from hardneg.losses.kl import KL
from hardneg.losses.margin_info_nce import MarginInfoNCE
from hardneg.losses.margin_mse import MarginMSE
from hardneg.losses.protocol import Loss
from hardneg.losses.rince import RINCE
from hardneg.losses.triplet import Triplet
from hardneg.losses.weighted_sum import WeightedSum, parts

LOSSES = {
    "info_nce": InfoNCE,
    "margin_info_nce": MarginInfoNCE,
    "triplet": Triplet,
    "debiased": Debiased,
    "rince": RINCE,
    "hardness_weighted": HardnessWeighted,
    "margin_mse": MarginMSE,
    "kl": KL,
}

# Those that are a softmax over the pool, in which a sampled document can stand for others. A loss from elsewhere may
# read `log_q` too.
_SAMPLED = (InfoNCE, MarginInfoNCE, HardnessWeighted)


def takes_log_q(loss: Loss) -> bool:
    """Say whether a loss, and every part of it, can correct for how documents were sampled."""
    return all(isinstance(part, _SAMPLED) or type(part) not in LOSSES.values() for part in parts(loss))


__all__ = [
    "KL",
    "LOSSES",
    "RINCE",
    "Debiased",
    "HardnessWeighted",
    "InfoNCE",
    "MarginInfoNCE",
    "MarginMSE",
    "Triplet",
    "WeightedSum",
    "takes_log_q",
]
