"""Words of texts, found in their UTF-8 bytes: what a regular expression finds, many times faster."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Int32, Int64, UInt8, UInt64

from hardneg.search.compiled import compiled, frozen

# One table for ASCII, one for all that UTF-8 writes in up to three bytes, one for everything.
_TABLES = {0x80: 0x80, 0xF0: 0x10000, 0x100: 0x110000}
_SLOTS = 1 << 13
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@dataclass(frozen=True)
class Words:
    """The words of some texts.

    Args:
        word: Each word in the order in which they stand, as a position in `distinct`.
        per_text: How many of them each text has.
        distinct: The different words, in the order in which they first occur.
    """

    word: Int32[np.ndarray, " words"]
    per_text: Int64[np.ndarray, " texts"]
    distinct: list[str]


def cut(texts: pl.Series, characters: tuple[str, ...]) -> Words:
    """Find the words of texts.

    Args:
        texts: The texts, without nulls.
        characters: Regular expressions that each match one character, no two of them the same one; a word is a
            longest run of characters that one of them matches.

    Returns:
        The words.
    """
    data = texts.str.join("").cast(pl.Binary).item() if len(texts) else b""
    utf8 = np.frombuffer(data, np.uint8)
    highest = int(utf8.max()) if len(utf8) else 0
    kinds = _kinds(characters, next(size for byte, size in _TABLES.items() if highest < byte))
    stop = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))
    word, per_text, first, last = find_words(utf8, frozen(stop), kinds)
    spans = zip(first.tolist(), last.tolist(), strict=True)
    return Words(word, per_text, [data[begin:end].decode() for begin, end in spans])


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
def find_words(
    utf8: UInt8[np.ndarray, " bytes"], stop: Int64[np.ndarray, " texts"], kinds: UInt8[np.ndarray, " points"]
) -> tuple[
    Int32[np.ndarray, " words"],
    Int64[np.ndarray, " texts"],
    Int64[np.ndarray, " distinct"],
    Int64[np.ndarray, " distinct"],
]:
    """Find the words of texts that stand one after the other, each ending before its `stop`.

    Returns:
        Each word by number, how many there are in each text, and where each distinct word first begins and ends.
    """
    word = np.empty(len(utf8), np.int32)
    per_text = np.zeros(len(stop), np.int64)
    slots = np.full(_SLOTS, -1, np.int32)
    known = np.empty(_SLOTS // 2, np.uint64)
    first, last = np.empty(_SLOTS // 2, np.int64), np.empty(_SLOTS // 2, np.int64)
    n_words = n_distinct = at = 0
    for text in range(len(stop)):
        n_before = n_words
        while at < stop[text]:
            kind = kinds[code_point(utf8, at)]
            begin, code = at, _FNV_START
            while True:
                following = at + width(utf8[at])
                while at < following:
                    code = (code ^ np.uint64(utf8[at])) * _FNV_PRIME
                    at += 1
                if at == stop[text] or kinds[code_point(utf8, at)] != kind:
                    break
            if kind == 0:
                continue
            slot = slot_of(slots, known, first, last, utf8, begin, at, code)
            if slots[slot] < 0:
                slots[slot] = n_distinct
                known[n_distinct], first[n_distinct], last[n_distinct] = code, begin, at
                n_distinct += 1
            word[n_words] = slots[slot]
            n_words += 1
            if n_distinct == len(known):
                slots, known = grown(known), doubled(known)
                first, last = doubled(first), doubled(last)
        per_text[text] = n_words - n_before
    return word[:n_words].copy(), per_text, first[:n_distinct], last[:n_distinct]


@compiled
def width(lead: int) -> int:
    """Count the bytes of a character by its first one."""
    return 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)


@compiled
def code_point(utf8: UInt8[np.ndarray, " bytes"], at: int) -> int:
    """Decode the character that begins at a byte."""
    lead = np.int64(utf8[at])
    if lead < 0x80:
        return lead
    point = lead & (0x7F >> width(lead))
    for i in range(1, width(lead)):
        point = point << 6 | np.int64(utf8[at + i]) & 0x3F
    return point


@compiled
def slot_of(  # noqa: PLR0917 - an inner loop
    slots: Int32[np.ndarray, " slots"],
    known: UInt64[np.ndarray, " capacity"],
    first: Int64[np.ndarray, " capacity"],
    last: Int64[np.ndarray, " capacity"],
    utf8: UInt8[np.ndarray, " bytes"],
    begin: int,
    end: int,
    code: int,
) -> int:
    """Find the slot of a word, or the free one where it belongs; words are compared byte by byte."""
    slot = home(code, len(slots))
    while slots[slot] >= 0:
        other = slots[slot]
        if known[other] == code and last[other] - first[other] == end - begin:
            same = True
            for i in range(end - begin):
                same &= utf8[begin + i] == utf8[first[other] + i]
            if same:
                return slot
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@compiled
def home(code: int, n_slots: int) -> int:
    """Say in which of the slots, a power of two, the search for a word starts."""
    return np.int64((code ^ code >> np.uint64(32)) & np.uint64(n_slots - 1))


@compiled
def grown(known: UInt64[np.ndarray, " capacity"]) -> Int32[np.ndarray, " slots"]:
    """Put all words into four times as many slots as there are words."""
    slots = np.full(len(known) * 4, -1, np.int32)
    for i in range(len(known)):
        slot = home(known[i], len(slots))
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = i
    return slots


@compiled
def doubled(values: np.ndarray) -> np.ndarray:
    """Make room for as many values again."""
    room = np.empty(2 * len(values), values.dtype)
    room[: len(values)] = values
    return room
