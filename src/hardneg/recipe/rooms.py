"""What a recipe can name, room by room, and what it mines with if it names nothing: docs/filters.md gives reasons."""

from collections.abc import Sequence

from hardneg.filters import Filter, NearDuplicate, PositiveMargin
from hardneg.negatives.plan import FILTER, SCORER, SELECT, SOURCE
from hardneg.sources import Dense, Source
from hardneg.sources.protocol import Encodes, MatchesWords
from hardneg.training.settings import ROOMS as TRAIN

__all__ = ["DEFAULT_MODEL", "FILTER", "SCORER", "SELECT", "SOURCE", "TEACHER_FALLBACKS", "TRAIN"]
__all__ += ["default_filters", "default_sources"]

# Distillation wants a teacher's raw outputs, where a filter's bounds are easier to name between 0 and 1.
TEACHER_FALLBACKS = {"activation": "identity"}
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def default_sources(model: str = DEFAULT_MODEL) -> tuple[Source, ...]:
    """The model itself: what it takes for an answer wrongly is what it has to learn (docs/decisions/0016)."""
    return (Dense(model=model),)


def default_filters(sources: Sequence[Source]) -> tuple[Filter, ...]:
    """Near duplicates of a positive, and whatever scores above 95 % of the weakest positive.

    The margin compares the score of the first source that encodes, since a high BM25 score says that words are
    shared, not that the question is answered; without one, that of BM25; without either, each source's own.
    """
    names = [source.name for kind in (Encodes, MatchesWords) for source in sources if isinstance(source, kind)]
    return NearDuplicate(), PositiveMargin(ratio=0.95, score=next(iter(names), None))
