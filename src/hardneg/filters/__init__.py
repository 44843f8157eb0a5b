"""Why a candidate may not be a negative."""

from hardneg.filters.apply import apply_filters
from hardneg.filters.empty import Empty
from hardneg.filters.known_positives import KnownPositives
from hardneg.filters.learned.filter import Learned
from hardneg.filters.near_duplicate import NearDuplicate
from hardneg.filters.positive_margin import PositiveMargin
from hardneg.filters.positive_percentile import PositivePercentile
from hardneg.filters.protocol import Filter
from hardneg.filters.query_itself import QueryItself
from hardneg.filters.rank_window import RankWindow
from hardneg.filters.score_range import ScoreRange
from hardneg.filters.shared_value import SharedValue
from hardneg.filters.teacher_percentile import TeacherPercentile
from hardneg.filters.teacher_threshold import TeacherThreshold

FILTERS = {
    "known_positives": KnownPositives,
    "query_itself": QueryItself,
    "empty": Empty,
    "near_duplicate": NearDuplicate,
    "rank_window": RankWindow,
    "positive_margin": PositiveMargin,
    "positive_percentile": PositivePercentile,
    "score_range": ScoreRange,
    "shared_value": SharedValue,
    "teacher_threshold": TeacherThreshold,
    "teacher_percentile": TeacherPercentile,
    "learned": Learned,
}

__all__ = [
    "FILTERS",
    "Empty",
    "Filter",
    "KnownPositives",
    "Learned",
    "NearDuplicate",
    "PositiveMargin",
    "PositivePercentile",
    "QueryItself",
    "RankWindow",
    "ScoreRange",
    "SharedValue",
    "TeacherPercentile",
    "TeacherThreshold",
    "apply_filters",
]
