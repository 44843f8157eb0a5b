"""From candidates to negatives, and from negatives to other trainers' formats."""

from hardneg.negatives.export import export
from hardneg.negatives.selection import NEGATIVES_SCHEMA, Selection, select
from hardneg.negatives.strategies import STRATEGIES, SimANS, Strategy, Top, Uniform, Weighted

__all__ = [
    "NEGATIVES_SCHEMA",
    "STRATEGIES",
    "Uniform",
    "Selection",
    "SimANS",
    "Strategy",
    "Top",
    "Weighted",
    "export",
    "select",
]
