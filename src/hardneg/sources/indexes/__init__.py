"""Indexes that somebody else runs, as sources of candidates."""

from hardneg.sources.indexes.by_vectors import IndexVectors
from hardneg.sources.indexes.by_words import IndexTexts
from hardneg.sources.indexes.options import IndexOptions

__all__ = ["IndexOptions", "IndexTexts", "IndexVectors"]
