"""From candidates to negatives, and from negatives to other trainers' formats."""

from hardneg.negatives.export import export
from hardneg.negatives.selection import NEGATIVES_SCHEMA, Selected, Selection, select, select_and_count
from hardneg.negatives.strategies import Random, SimANS, Strategy, Top, Weighted

STRATEGIES = {"top": Top, "random": Random, "weighted": Weighted, "simans": SimANS}

__all__ = [
    "NEGATIVES_SCHEMA",
    "STRATEGIES",
    "Random",
    "Selected",
    "Selection",
    "SimANS",
    "Strategy",
    "Top",
    "Weighted",
    "export",
    "select",
    "select_and_count",
]
