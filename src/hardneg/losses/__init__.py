"""Losses: functions of a score matrix, blind to where its columns came from."""

from hardneg.losses.debiased import Debiased
from hardneg.losses.hardness_weighted import HardnessWeighted
from hardneg.losses.info_nce import InfoNCE
from hardneg.losses.kl import KL
from hardneg.losses.margin_info_nce import MarginInfoNCE
from hardneg.losses.margin_mse import MarginMSE
from hardneg.losses.rince import RINCE
from hardneg.losses.triplet import Triplet
from hardneg.losses.weighted_sum import WeightedSum

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
]
