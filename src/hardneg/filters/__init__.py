"""Why a candidate may not be a negative."""

from hardneg.filters.apply import apply_filters
from hardneg.filters.known_positives import KnownPositives
from hardneg.filters.near_duplicate import NearDuplicate
from hardneg.filters.positive_margin import PositiveMargin
from hardneg.filters.protocol import Filter
from hardneg.filters.rank_window import RankWindow
from hardneg.filters.score_range import ScoreRange

FILTERS = {
    "known_positives": KnownPositives,
    "near_duplicate": NearDuplicate,
    "rank_window": RankWindow,
    "positive_margin": PositiveMargin,
    "score_range": ScoreRange,
}

__all__ = [
    "FILTERS",
    "Filter",
    "KnownPositives",
    "NearDuplicate",
    "PositiveMargin",
    "RankWindow",
    "ScoreRange",
    "apply_filters",
]
