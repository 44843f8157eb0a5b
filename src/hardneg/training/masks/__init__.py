"""Pairs that a loss must not push apart."""

from hardneg.training.masks.guide import Guide
from hardneg.training.masks.masking import Mask
from hardneg.training.masks.own_score import OwnScore

MASKS = {"own_score": OwnScore, "guide": Guide}

__all__ = ["MASKS", "Guide", "Mask", "OwnScore"]
