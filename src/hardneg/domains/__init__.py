"""What differs in one domain: how its data are built, and its own sources, filters and presets."""

from hardneg.domains.code.duplicate_code import DuplicateCode
from hardneg.domains.conversation.earlier_turns import EarlierTurns
from hardneg.domains.conversation.later_turns import LaterTurns

SOURCES = {"earlier_turns": EarlierTurns}
FILTERS = {"duplicate_code": DuplicateCode, "later_turns": LaterTurns}

__all__ = ["FILTERS", "SOURCES", "DuplicateCode", "EarlierTurns", "LaterTurns"]
