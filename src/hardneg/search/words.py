"""Texts as words, by machine code over UTF-8 bytes where the regular expression allows it, and as numbered terms."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, UInt8

from hardneg.progress import Advance
from hardneg.search._kernels.compiled import ahead, compiled, frozen
from hardneg.search.analyzers import Analyzer
from hardneg.search.scripts import settled

# Expressions whose words are runs of characters that are alike, and what one such character is.
RUNS = {r"\w+": (r"\w",), r"\w+|[^\w\s]+": (r"\w", r"[^\w\s]"), r"\S+": (r"\S",)}
# One table for ASCII, one for all that UTF-8 writes in up to three bytes, one for everything.
_TABLES = {0x80: 0x80, 0xF0: 0x10000, 0x100: 0x110000}
_WORDS = 1 << 12  # different ones that there is room for at first
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_SLICE = 8_192
_REMEMBERED = 1 << 20  # words, so that long work over ever new words stays within memory


@dataclass(frozen=True)
class Words:
    """The words of some texts."""

    word: Int32[np.ndarray, " words"]  # positions in `distinct`
    per_text: Int64[np.ndarray, " texts"]
    distinct: list[str]  # in the order in which they first occur


def cut(texts: pl.Series, pattern: str) -> Words:
    """Find the words of texts."""
    return cut_runs(texts, RUNS[pattern]) if pattern in RUNS else cut_matches(texts, pattern)


def cut_matches(texts: pl.Series, pattern: str) -> Words:
    """Find the words of texts with any regular expression."""
    words = texts.alias("word").str.extract_all(pattern)
    flat = words.explode(empty_as_null=False).to_frame()
    distinct = flat.unique(maintain_order=True).with_row_index("number")
    number = flat.join(distinct, on="word", how="left", maintain_order="left")["number"]
    per_text = words.list.len().to_numpy().astype(np.int64)
    return Words(number.to_numpy().astype(np.int32), per_text, distinct["word"].to_list())


def cut_runs(texts: pl.Series, characters: tuple[str, ...]) -> Words:
    """Find the longest runs of characters that one of several expressions matches."""
    data = texts.str.join("").cast(pl.Binary).item() if len(texts) else b""
    utf8 = np.frombuffer(data, np.uint8)
    highest = int(utf8.max()) if len(utf8) else 0
    kinds = _kinds(characters, next(size for byte, size in _TABLES.items() if highest < byte))
    stop = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))
    word, per_text, distinct = find_words(utf8, kinds_of(utf8, kinds), frozen(stop))
    return Words(word, per_text, [data[begin:end].decode() for _, begin, end in distinct.tolist()])


@lru_cache(maxsize=16)
def _kinds(characters: tuple[str, ...], size: int) -> UInt8[np.ndarray, " points"]:
    """Tell for each code point which of `characters` it matches, from 1; 0 for none."""
    points = np.arange(size)
    is_surrogate = (points >= 0xD800) & (points < 0xE000)
    every = pl.Series([chr(point) for point in points[~is_surrogate]])
    kinds = np.zeros(size, np.uint8)
    for kind, each in enumerate(characters, start=1):
        kinds[~is_surrogate] += np.uint8(kind) * every.str.contains(each).to_numpy()
    return frozen(kinds)


@compiled
def kinds_of(utf8: UInt8[np.ndarray, " bytes"], kinds: UInt8[np.ndarray, " points"]) -> UInt8[np.ndarray, " bytes"]:
    """Look up the kind of character of which each byte is a part."""
    byte_kinds = np.empty(len(utf8), np.uint8)
    kind = np.uint8(0)
    for at in range(len(utf8)):
        lead = np.int64(utf8[at])
        if lead < 0x80:
            kind = kinds[lead]
        elif lead >= 0xC0:  # other bytes belong to the character before them
            following = 1 + (lead >= 0xE0) + (lead >= 0xF0)
            point = lead & (0x3F >> following)
            for i in range(1, following + 1):
                point = point << 6 | np.int64(utf8[at + i]) & 0x3F
            kind = kinds[point]
        byte_kinds[at] = kind
    return byte_kinds


@compiled
def find_words(
    utf8: UInt8[np.ndarray, " bytes"], kind: UInt8[np.ndarray, " bytes"], stop: Int64[np.ndarray, " texts"]
) -> tuple[Int32[np.ndarray, " words"], Int64[np.ndarray, " texts"], Int64[np.ndarray, "distinct 3"]]:
    """Find the words of texts that stand one after the other."""
    word = np.empty(len(utf8), np.int32)
    per_text = np.zeros(len(stop), np.int64)
    slots = np.full(2 * _WORDS, -1, np.int32)
    distinct = np.empty((_WORDS, 3), np.int64)
    n_words = n_distinct = at = 0
    for text in range(len(stop)):
        n_before = n_words
        while at < stop[text]:
            if kind[at] == 0:
                at += 1
                continue
            begin, code = at, _FNV_START
            while at < stop[text] and kind[at] == kind[begin]:
                code = (code ^ np.uint64(utf8[at])) * _FNV_PRIME
                at += 1
            slot = slot_of(slots, distinct, utf8, np.int64(code), begin, at)
            if slots[slot] < 0:
                slots[slot] = n_distinct
                distinct[n_distinct, 0], distinct[n_distinct, 1], distinct[n_distinct, 2] = np.int64(code), begin, at
                n_distinct += 1
            word[n_words] = slots[slot]
            n_words += 1
            if n_distinct == len(distinct):
                distinct = doubled(distinct)
                slots = spread(distinct[:n_distinct, 0], 2 * len(distinct))
        per_text[text] = n_words - n_before
    return word[:n_words].copy(), per_text, distinct[:n_distinct].copy()


@compiled
def slot_of(  # noqa: PLR0917 - an inner loop
    slots: Int32[np.ndarray, " slots"],
    known: Int64[np.ndarray, "capacity 3"],
    utf8: UInt8[np.ndarray, " bytes"],
    code: int | np.int64,
    begin: int,
    end: int,
) -> int | np.int64:
    """Find the slot of a word, or the free one where it belongs; words are compared byte by byte."""
    slot = home(code, len(slots))
    while slots[slot] >= 0:
        other = slots[slot]
        first = known[other, 1]
        if known[other, 0] == code and known[other, 2] - first == end - begin:
            same = 0
            while same < end - begin and utf8[begin + same] == utf8[first + same]:
                same += 1
            if same == end - begin:
                return slot
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@compiled
def home(code: int | np.int64, n_slots: int) -> int | np.int64:
    """Say in which of the slots, a power of two, the search for a word starts."""
    return (code ^ code >> 32) & (n_slots - 1)


@compiled
def spread(codes: Int64[np.ndarray, " known"], n_slots: int) -> Int32[np.ndarray, " slots"]:
    """Put known words into new slots."""
    slots = np.full(n_slots, -1, np.int32)
    for i in range(len(codes)):
        slot = home(codes[i], n_slots)
        while slots[slot] >= 0:
            slot = (slot + 1) & (n_slots - 1)
        slots[slot] = i
    return slots


@compiled
def doubled(known: Int64[np.ndarray, "capacity 3"]) -> Int64[np.ndarray, "double 3"]:
    """Make room for as many words again."""
    room = np.empty((2 * len(known), 3), np.int64)
    room[: len(known)] = known
    return room


@dataclass(frozen=True)
class Terms:
    """The terms of consecutive texts, in the order in which they stand."""

    term: Int32[np.ndarray, " terms"]  # -1 for one that the vocabulary lacks
    text: Int64[np.ndarray, " terms"]  # ascending
    n_texts: int  # those without terms included


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
    terms_of_texts = Terms(np.empty(n, np.int32), np.empty(n, np.int64), len(words.per_text))
    spell_out(words.word, words.per_text, frozen(first), frozen(term), terms_of_texts.term, terms_of_texts.text)
    return terms_of_texts


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
