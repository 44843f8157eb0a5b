"""Texts as every analyzer sees them: one Unicode form, and letters apart where a script has no spaces."""

from functools import lru_cache

import numpy as np
import polars as pl
from jaxtyping import Int64, UInt8

from hardneg.data.text import UNSPACED
from hardneg.search._kernels.compiled import compiled, frozen

_LETTER, _MARK, _SYLLABLE = np.uint8(1), np.uint8(2), np.uint8(4)
_KINDS = (
    (rf"[{UNSPACED}&&\w&&\P{{M}}]", _LETTER),
    (r"[\p{M}\x{200C}\x{200D}]", _MARK),
    (r"[\p{Hangul}&&\w]", _SYLLABLE),
)
_UNSETTLED = np.uint8(8)  # a character that NFKC changes, alone or with the one before it
_SPACE = np.uint8(32)
_ROOM = (
    4  # bytes of the result for each of the text at most: a letter takes three, stands in three words, and is spaced
)


def settled(texts: pl.Series) -> pl.Series:
    """Bring texts to NFKC, and put words of one and of two letters where a script has no spaces.

    Chinese, Japanese, Thai, Lao, Khmer and Burmese (and their like) give each letter and each two that stand together,
    as words with spaces around: any word of a query is then found in a document, wherever it stands. A mark, such as a
    vowel sign, stays with its letter. Korean has spaces, but its words carry endings: each two syllables are
    given after the word itself. ASCII is handed back as it is, and so are texts with nothing of either kind.

    References:
        Letters and bigrams for Chinese: Nie, Gao, Zhang and Zhou (2000), "On the use of words and n-grams for Chinese
        information retrieval"; for Korean: Lee and Ahn (1996), "Using n-grams for Korean text retrieval".

    >>> settled(pl.Series(["reset a router", "ﬁne", "重置router", "라우터 값"])).to_list()
    ['reset a router', 'fine', ' 重 重置 置 router', ' 라우터 라우 우터   값 ']
    """
    foreign = (texts.str.len_bytes() > texts.str.len_chars()).arg_true()
    if foreign.is_empty():
        return texts
    foreign_texts = texts.gather(foreign)
    kinds_there = _kinds_in(foreign_texts)
    unsettled = np.flatnonzero(kinds_there & _UNSETTLED)
    if len(unsettled):
        foreign_texts = foreign_texts.scatter(unsettled, foreign_texts.gather(unsettled).str.normalize("NFKC"))
        kinds_there[unsettled] = _kinds_in(foreign_texts.gather(unsettled))
    unspaced = np.flatnonzero(kinds_there & (_LETTER | _SYLLABLE))
    if len(unspaced):
        foreign_texts = foreign_texts.scatter(unspaced, _with_letters_apart(foreign_texts.gather(unspaced)))
    return texts.clone().scatter(foreign, foreign_texts) if len(unsettled) or len(unspaced) else texts


def _kinds_in(texts: pl.Series) -> UInt8[np.ndarray, " texts"]:
    utf8, stop = _joined(texts)
    return kinds_in(utf8, kinds(), stop)


def _with_letters_apart(texts: pl.Series) -> pl.Series:
    utf8, stop = _joined(texts)
    room, ends = letters_apart(utf8, kinds(), stop)
    data, start = room.tobytes(), [0, *ends[:-1].tolist()]
    return pl.Series(
        [data[begin:end].decode() for begin, end in zip(start, ends.tolist(), strict=True)], dtype=pl.String
    )


def _joined(texts: pl.Series) -> tuple[UInt8[np.ndarray, " bytes"], Int64[np.ndarray, " texts"]]:
    data = texts.str.join("").cast(pl.Binary).item()
    stop = np.cumsum(texts.str.len_bytes().to_numpy().astype(np.int64))
    return np.frombuffer(data, np.uint8), frozen(stop)


@lru_cache(maxsize=1)
def kinds() -> UInt8[np.ndarray, " points"]:
    """Tell whether a code point is a letter that stands alone, a mark, a syllable, and whether NFKC may change it."""
    points = np.arange(0x110000)
    is_character = (points < 0xD800) | (points >= 0xE000)
    every = pl.Series([chr(point) for point in points[is_character]])
    point_kinds = np.zeros(len(points), np.uint8)
    for expression, kind in _KINDS:
        point_kinds[is_character] |= kind * every.str.contains(expression).to_numpy()
    # What may join the character before it is a mark, or the second or third part of a Korean syllable.
    joins = every.str.contains(r"\p{M}").to_numpy() | ((points >= 0x1160) & (points < 0x1200))[is_character]
    changes = (every.str.normalize("NFKC") != every).to_numpy() | joins
    point_kinds[is_character] |= _UNSETTLED * changes
    return frozen(point_kinds)


@compiled
def point_at(utf8: UInt8[np.ndarray, " bytes"], at: int) -> tuple[int, int]:
    """Read the character that begins at a byte: its code point, and how many bytes it takes."""
    lead = int(utf8[at])
    if lead < 0x80:
        return lead, 1
    following = 1 + int(lead >= 0xE0) + int(lead >= 0xF0)
    point = lead & (0x3F >> following)
    for i in range(1, following + 1):
        point = point << 6 | int(utf8[at + i]) & 0x3F
    return point, 1 + following


@compiled
def kinds_in(
    utf8: UInt8[np.ndarray, " bytes"], kinds: UInt8[np.ndarray, " points"], stop: Int64[np.ndarray, " texts"]
) -> UInt8[np.ndarray, " texts"]:
    """Collect the kinds of the characters of each text; the texts stand one after the other."""
    text_kinds = np.zeros(len(stop), np.uint8)
    at = 0
    for text in range(len(stop)):
        while at < stop[text]:
            if utf8[at] < 0x80:
                at += 1
            else:
                point, n_bytes = point_at(utf8, at)
                text_kinds[text] |= kinds[point]
                at += n_bytes
    return text_kinds


@compiled
def letters_apart(
    utf8: UInt8[np.ndarray, " bytes"], kinds: UInt8[np.ndarray, " points"], stop: Int64[np.ndarray, " texts"]
) -> tuple[UInt8[np.ndarray, " room"], Int64[np.ndarray, " texts"]]:
    """Write texts anew with the letters and syllables of unspaced scripts as words of one and two."""
    room = np.empty(_ROOM * len(utf8) + 2 * len(stop), np.uint8)
    ends = np.empty(len(stop), np.int64)
    to = at = 0
    for text in range(len(stop)):
        while at < stop[text]:
            kind = kinds[point_at(utf8, at)[0]] & (_LETTER | _SYLLABLE)
            if kind == 0:
                to = copied(utf8, at, at + point_at(utf8, at)[1], room, to)
                at += point_at(utf8, at)[1]
                continue
            first, before, n_letters = at, -1, 0
            while at < stop[text] and kinds[point_at(utf8, at)[0]] & kind:
                begin, at = at, letter_end(utf8, kinds, at, stop[text])
                n_letters += 1
                if kind == _LETTER:
                    if before >= 0:
                        to = copied(utf8, before, at, room, spaced(room, to))
                    to = copied(utf8, begin, at, room, spaced(room, to))
                before = begin
            if kind == _SYLLABLE:
                to = copied(utf8, first, at, room, spaced(room, to))
                if n_letters > 2:
                    to = pairs_apart(utf8, kinds, first, at, room, to)
            to = spaced(room, to)
        ends[text] = to
    return room[:to], ends


@compiled
def pairs_apart(  # noqa: PLR0917 - an inner loop
    utf8: UInt8[np.ndarray, " bytes"],
    kinds: UInt8[np.ndarray, " points"],
    first: int,
    stop: int,
    room: UInt8[np.ndarray, " room"],
    to: int,
) -> int:
    """Write each two syllables of a word."""
    before, at = first, letter_end(utf8, kinds, first, stop)
    while at < stop:
        begin, at = at, letter_end(utf8, kinds, at, stop)
        to = copied(utf8, before, at, room, spaced(room, to))
        before = begin
    return to


@compiled
def letter_end(utf8: UInt8[np.ndarray, " bytes"], kinds: UInt8[np.ndarray, " points"], at: int, stop: int) -> int:
    """Find where the letter that begins at a byte ends, its marks included."""
    at += point_at(utf8, at)[1]
    while at < stop and kinds[point_at(utf8, at)[0]] & _MARK:
        at += point_at(utf8, at)[1]
    return at


@compiled
def copied(utf8: UInt8[np.ndarray, " bytes"], begin: int, end: int, room: UInt8[np.ndarray, " room"], to: int) -> int:
    """Copy some bytes and say where the next ones go."""
    for at in range(begin, end):
        room[to] = utf8[at]
        to += 1
    return to


@compiled
def spaced(room: UInt8[np.ndarray, " room"], to: int) -> int:
    """Write a space and say where the next byte goes."""
    room[to] = _SPACE
    return to + 1
