"""The masks that a recipe can name."""

from hardneg.training.masks.guide import Guide
from hardneg.training.masks.own_score import OwnScore

MASKS = {"own_score": OwnScore, "guide": Guide}
