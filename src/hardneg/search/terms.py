"""Texts as numbered terms, a slice of texts at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64

from hardneg.progress import Advance
from hardneg.search.analyzers import Analyzer

_SLICE = 16_384


@dataclass(frozen=True)
class Terms:
    """The terms of consecutive texts, in the order in which they stand.

    Args:
        term: Number of each term; -1 for a term that the vocabulary lacks.
        text: Which text it stands in, from 0; ascending.
        n_texts: Number of texts, those without terms included.
    """

    term: Int32[np.ndarray, " terms"]
    text: Int64[np.ndarray, " terms"]
    n_texts: int


def number_terms(texts: pl.Series, analyzer: Analyzer, vocabulary: dict[str, int], *, grow: bool) -> Iterator[Terms]:
    """Cut texts into numbered terms.

    Words are found and counted in columns; only the distinct words of a slice become Python strings.

    Args:
        texts: The texts; null counts as empty.
        analyzer: How to cut.
        vocabulary: Number of each known term.
        grow: Whether to give new terms the next numbers (in the order in which they first occur).

    Yields:
        The terms of each slice of texts.
    """
    for start in range(0, len(texts), _SLICE):
        words = texts.slice(start, _SLICE).fill_null("").alias("word").str.extract_all(analyzer.pattern)
        text = np.repeat(np.arange(len(words)), words.list.len().to_numpy())
        flat = words.explode(empty_as_null=False).to_frame()
        distinct = flat.unique(maintain_order=True).with_row_index("number")
        number = flat.join(distinct, on="word", how="left", maintain_order="left")["number"].to_numpy()
        first, term = _numbers(analyzer.terms(distinct["word"].to_list()), vocabulary, grow)
        yield _expand(number, text, first, term, len(words))


def shown(slices: Iterable[Terms], advance: Advance) -> Iterator[Terms]:
    """Hand slices on, and count the texts of each as done when the next one is asked for."""
    for terms in slices:
        yield terms
        advance(terms.n_texts)


def _numbers(
    terms: list[list[str]], vocabulary: dict[str, int], grow: bool
) -> tuple[Int64[np.ndarray, " words_and_one"], Int32[np.ndarray, " terms"]]:
    """Number the terms of each word; word `w` has `term[first[w] : first[w + 1]]`."""
    if grow:
        for of_word in terms:
            for term in of_word:
                vocabulary.setdefault(term, len(vocabulary))
    first = np.concatenate([[0], np.cumsum([len(of_word) for of_word in terms])]).astype(np.int64)
    numbers = [vocabulary.get(term, -1) for of_word in terms for term in of_word]
    return first, np.array(numbers, dtype=np.int32)


def _expand(
    word: np.ndarray,
    text: Int64[np.ndarray, " words"],
    first: Int64[np.ndarray, " distinct_and_one"],
    term: Int32[np.ndarray, " terms"],
    n_texts: int,
) -> Terms:
    word = word.astype(np.int64)
    length = first[word + 1] - first[word]
    owner = np.repeat(np.arange(len(word)), length)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(length) - length, length)
    return Terms(term[first[word[owner]] + within], text[owner], n_texts)
