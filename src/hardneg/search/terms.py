"""Texts as numbered terms, a slice of texts at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.progress import Advance
from hardneg.search._kernels.compiled import ahead, compiled, frozen
from hardneg.search.analyzers import Analyzer
from hardneg.search.scripts import settled
from hardneg.search.words import Words, cut

_SLICE = 8_192
_REMEMBERED = 1 << 20  # words, so that long work over ever new words stays within memory


@dataclass(frozen=True)
class Terms:
    """The terms of consecutive texts, in the order in which they stand."""

    term: Int32[np.ndarray, " terms"]
    text: Int64[np.ndarray, " terms"]
    n_texts: int


def number_terms(texts: pl.Series, analyzer: Analyzer, vocabulary: dict[str, int], *, grow: bool) -> Iterator[Terms]:
    """Cut texts into numbered terms, in one Unicode form and with letters apart where a script has no spaces.

    Words are found in threads that run ahead; only the distinct words of a slice become Python
    strings, and only those not met before are stemmed.
    """
    slices = (texts.slice(start, _SLICE).fill_null("") for start in range(0, len(texts), _SLICE))
    remembered: dict[str, list[int]] = {}
    for words in ahead(slices, lambda part: cut(settled(part), analyzer.pattern)):
        if len(remembered) > _REMEMBERED:
            remembered.clear()
        new = [word for word in words.distinct if word not in remembered]
        remembered.update(zip(new, _numbers(analyzer.terms(new), vocabulary, grow), strict=True))
        yield _spelled_out(words, [remembered[word] for word in words.distinct])


def shown(slices: Iterable[Terms], advance: Advance) -> Iterator[Terms]:
    """Hand slices on, and count the texts of each as done when the next one is asked for."""
    for terms in slices:
        yield terms
        advance(terms.n_texts)


def _numbers(terms: list[list[str]], vocabulary: dict[str, int], grow: bool) -> list[list[int]]:
    """Number the terms of each word."""
    if grow:
        for term in chain.from_iterable(terms):
            vocabulary.setdefault(term, len(vocabulary))
    return [[vocabulary.get(term, -1) for term in of_word] for of_word in terms]


def _spelled_out(words: Words, terms: list[list[int]]) -> Terms:
    """Put the terms of each distinct word wherever it stands."""
    n_terms = np.fromiter(map(len, terms), np.int64, len(terms))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(n_terms)])
    term = np.fromiter(chain.from_iterable(terms), np.int32, int(first[-1]))
    n = int(n_terms[words.word].sum())
    found = Terms(np.empty(n, np.int32), np.empty(n, np.int64), len(words.per_text))
    spell_out(words.word, words.per_text, frozen(first), frozen(term), found.term, found.text)
    return found


@compiled
def spell_out(  # noqa: PLR0917 - an inner loop
    word: Int32[np.ndarray, " words"],
    per_text: Int64[np.ndarray, " texts"],
    first: Int64[np.ndarray, " distinct_and_one"],
    term: Int32[np.ndarray, " numbers"],
    found: Int32[np.ndarray, " terms"],
    text: Int64[np.ndarray, " terms"],
) -> None:
    """Write the terms `term[first[w] : first[w + 1]]` of each word `w`, and the text in which they stand."""
    at = n = 0
    for i in range(len(per_text)):
        for _ in range(per_text[i]):
            for j in range(first[word[at]], first[word[at] + 1]):
                found[n], text[n] = term[j], i
                n += 1
            at += 1
