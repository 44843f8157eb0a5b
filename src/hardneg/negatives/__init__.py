"""From candidates to negatives, and from negatives to other trainers' formats."""

from hardneg.negatives.export import export
from hardneg.negatives.selection import NEGATIVES_SCHEMA, Selection, select
from hardneg.negatives.strategies import Random, SimANS, Strategy, Top, Weighted

STRATEGIES = {"top": Top, "random": Random, "weighted": Weighted, "simans": SimANS}

__all__ = [
    "NEGATIVES_SCHEMA",
    "STRATEGIES",
    "Random",
    "Selection",
    "SimANS",
    "Strategy",
    "Top",
    "Weighted",
    "export",
    "select",
]
