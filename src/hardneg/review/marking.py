"""Which words of a text are the query's too."""

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

from hardneg.search.analyzers import ANALYZERS

_ANALYZER = ANALYZERS["code"]  # knows inflected words and the parts of identifiers
_WORD = re.compile(_ANALYZER.pattern)


@dataclass(frozen=True)
class Piece:
    """A stretch of a text."""

    text: str
    marked: bool


def query_terms(query: str) -> frozenset[str]:
    """List the terms of a query: its words without endings and stop words."""
    return frozenset(term for word in _WORD.findall(query) for term in _terms(word))


def marked(text: str, terms: Set[str]) -> list[Piece]:
    """Cut a text into stretches, marking the words that share a term.

    >>> [piece.text for piece in marked("It sorts a list.", query_terms("sorted lists")) if piece.marked]
    ['sorts', 'list']
    """
    pieces, at = [], 0
    for word in _WORD.finditer(text):
        if terms.isdisjoint(_terms(word[0])):
            continue
        if word.start() > at:
            pieces.append(Piece(text[at : word.start()], marked=False))
        pieces.append(Piece(word[0], marked=True))
        at = word.end()
    if at < len(text):
        pieces.append(Piece(text[at:], marked=False))
    return pieces


@lru_cache(maxsize=100_000)
def _terms(word: str) -> frozenset[str]:
    terms = _ANALYZER.terms([word])[0]
    return frozenset(term for term in terms if len(terms) == 1 or len(term) > 1)  # the 4 of Atf4 is no word
