"""What is mined with when a recipe names no sources or no filters; docs/filters.md gives the reasons."""

from collections.abc import Sequence

from hardneg.filters import Filter, NearDuplicate, PositiveMargin
from hardneg.sources import BM25, Dense, Source
from hardneg.sources.protocol import Encodes, MatchesWords

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def default_sources(model: str = DEFAULT_MODEL) -> tuple[Source, ...]:
    """BM25 for shared words, a dense model for shared meaning."""
    return BM25(), Dense(model=model)


def default_filters(sources: Sequence[Source]) -> tuple[Filter, ...]:
    """Near duplicates of a positive, and whatever scores above 95 % of the weakest positive.

    The margin compares the score of the first source that encodes, since a high BM25 score says that words are
    shared, not that the question is answered; without one, that of BM25; without either, each source's own.
    """
    names = [source.name for kind in (Encodes, MatchesWords) for source in sources if isinstance(source, kind)]
    return NearDuplicate(), PositiveMargin(ratio=0.95, score=next(iter(names), None))
