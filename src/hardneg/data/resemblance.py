"""Texts that are nearly equal: sets of shingles, compared exactly where MinHash finds two alike."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64, Integer, UInt32, UInt64

from hardneg.data.text import normalised
from hardneg.progress import task

_SLICE = 16_384
_WIDTH = 3  # units of a shingle
_BANDS, _IN_BAND = 12, 6  # hashes of MinHash
_WITH_FIRST = 32  # of the texts that agree in a band, so many are compared with all the others
_ROWS = 4_000_000  # at a time
_LOW = np.int64(0xFFFFFFFF)
# Letters of scripts without spaces between words; each counts as a word of its own.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"


@dataclass(frozen=True)
class Likeness:
    """When two texts count as nearly equal.

    Texts are compared without case, punctuation and white space, as sets of three units in a row: what they share over
    what either has (Jaccard).
    """

    unit: str  # "letter" for queries: those with other numbers are other questions; "word" for documents
    threshold: float = 0.8  # from which they count, in (0, 1]


LIKE_QUERIES, LIKE_DOCUMENTS = Likeness("letter"), Likeness("word")


def near_pairs(
    texts: pl.Series, likeness: Likeness, *, side: Integer[np.ndarray, " texts"] | None = None
) -> Int64[np.ndarray, "pairs 2"]:
    """Find the pairs of texts, of different sides if these are given, that are nearly equal; the first comes first.

    MinHash chooses the pairs that are compared, by their exact sets: of pairs just at a threshold of 0.8 it misses one
    in forty, of those at 0.85 one in three hundred. Of hundreds of texts that look alike to it, as forms that were
    filled in do, the first 32 are compared with the others.

    References:
        Broder (1997), "On the resemblance and containment of documents".
    """
    keys, start, bands = _sets(texts, likeness.unit)
    pairs = _candidates(bands, np.arange(len(texts)) if side is None else side)
    pairs = pairs[_alike(keys, start, pairs, likeness.threshold)]
    if likeness.unit == "word":
        return pairs
    numbers = texts.str.extract_all(r"\d+").list.join(" ")
    return pairs[(numbers.gather(pairs[:, 0]) == numbers.gather(pairs[:, 1])).to_numpy()]


def letters(text: pl.Expr) -> pl.Expr:
    """Keep the words of a text: no case, no punctuation, single spaces; letters of unspaced scripts stand alone."""
    plain = normalised(text).str.replace_all(r"[\W_]+", " ").str.replace_all(f"({UNSPACED})", " $1 ")
    return plain.str.replace_all(r"\s+", " ").str.strip_chars()


def _sets(
    texts: pl.Series, unit: str
) -> tuple[Int64[np.ndarray, " total"], Int64[np.ndarray, " texts+1"], UInt64[np.ndarray, "texts bands"]]:
    """Give the hashed shingles of each text, sorted, as `text << 32 | hash`; where each text starts; and its bands."""
    parts, counts = [np.empty(0, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    bands = [np.empty((0, _BANDS), dtype=np.uint64)]
    with task("comparing texts", total=len(texts), unit="texts") as advance:
        for first in range(0, len(texts), _SLICE):
            plain = pl.DataFrame({"text": texts.slice(first, _SLICE)}).select(letters(pl.col("text").fill_null("")))
            units, of_text = _letters(plain["text"]) if unit == "letter" else _words(plain["text"])
            keys = _without_repeats(_shingled(units, of_text))
            count = np.bincount(keys >> np.int64(32), minlength=len(plain))
            bands.append(_banded(keys.astype(np.uint32), count))
            parts.append(keys + (np.int64(first) << np.int64(32)))
            counts.append(count)
            advance(len(plain))
    return np.concatenate(parts), np.cumsum(np.concatenate(counts)), np.concatenate(bands)


def _banded(
    hashes: UInt32[np.ndarray, " shingles"], count: Int64[np.ndarray, " texts"]
) -> UInt64[np.ndarray, "texts bands"]:
    """Hash the least hashes of each text, band by band; texts that are alike agree in some band. Empty ones in none."""
    bands = np.tile(_mixed(np.arange(len(count), dtype=np.uint64))[:, None], (1, _BANDS))
    has_shingles = count > 0
    if not has_shingles.any():
        return bands
    begins = (np.cumsum(count) - count)[has_shingles]
    for band in range(_BANDS):
        state = np.full(len(begins), band, dtype=np.uint64)
        for row in range(_IN_BAND):
            factor, shift = (_mixed(np.array([2 * (band * _IN_BAND + row) + k], dtype=np.uint64))[0] for k in (0, 1))
            # Multiply-add-shift (Dietzfelbinger, 1996): odd factors spread 32 bits evenly.
            turned = (hashes.astype(np.uint64) * (factor | np.uint64(1)) + shift) >> np.uint64(32)
            state = _mixed(state ^ np.minimum.reduceat(turned, begins))
        bands[has_shingles, band] = state
    return bands


def _letters(texts: pl.Series) -> tuple[UInt64[np.ndarray, " units"], Int64[np.ndarray, " units"]]:
    """Give the characters of texts one after the other, and the number of each one's text."""
    characters = np.frombuffer("".join(texts.to_list()).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    return _mixed(characters), np.repeat(np.arange(len(texts)), texts.str.len_chars().to_numpy())


def _words(texts: pl.Series) -> tuple[UInt64[np.ndarray, " units"], Int64[np.ndarray, " units"]]:
    """Give the hashed words of texts one after the other, and the number of each one's text."""
    words = texts.str.split(" ")
    distinct = words.explode().unique().alias("word")
    # Polars has a hash of its own, which another version may change, and with it what MinHash misses.
    keys = [int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little") for word in distinct]
    table = pl.DataFrame({"word": distinct, "key": pl.Series(keys, dtype=pl.UInt64)})
    hashed = pl.DataFrame({"word": words.explode()}).join(table, on="word", how="left", maintain_order="left")
    return hashed["key"].to_numpy(), np.repeat(np.arange(len(texts)), words.list.len().to_numpy())


def _shingled(units: UInt64[np.ndarray, " units"], text: Int64[np.ndarray, " units"]) -> Int64[np.ndarray, " shingles"]:
    """Hash each run of units within a text, or all it has if they are fewer, to `text << 32 | hash`."""
    state = np.zeros(len(units), dtype=np.uint64)
    whole = np.ones(len(units), dtype=bool)
    for ahead in range(_WIDTH):
        same = np.zeros(len(units), dtype=bool)
        same[: len(units) - ahead] = text[: len(units) - ahead] == text[ahead:]
        shifted = np.zeros(len(units), dtype=np.uint64)
        shifted[: len(units) - ahead] = units[ahead:]
        state = np.where(same, _mixed(state + shifted), state)
        whole &= same
    first = np.concatenate([[True], text[1:] != text[:-1]])[: len(units)]
    keep = whole | first
    return (text[keep] << np.int64(32)) | (state[keep] >> np.uint64(32)).astype(np.int64)


def _without_repeats(keys: Int64[np.ndarray, " shingles"]) -> Int64[np.ndarray, " distinct"]:
    keys.sort()
    return keys[np.diff(keys, prepend=-1) > 0]


def _candidates(
    bands: UInt64[np.ndarray, "texts bands"], side: Integer[np.ndarray, " texts"]
) -> Int64[np.ndarray, "pairs 2"]:
    """List the pairs of texts of different sides that agree in some band, ordered."""
    candidates = [np.empty((0, 2), dtype=np.int64)]
    for band in bands.T:
        rows = pl.DataFrame({"band": band, "side": side}).with_row_index("text")
        rows = rows.filter(pl.len().over("band") > 1)
        firsts = rows.filter(pl.int_range(pl.len()).over("band") < _WITH_FIRST)
        few = rows.filter(pl.col("side") != pl.col("side").first().over("band")).select("band").unique()
        pairs = firsts.join(few, on="band", how="semi").join(rows, on="band", suffix="_other")
        pairs = pairs.filter(pl.col("side") != pl.col("side_other"))
        both = ("text", "text_other")
        pairs = pairs.select(a=pl.min_horizontal(*both), b=pl.max_horizontal(*both)).unique()
        candidates.append(pairs.to_numpy().astype(np.int64))
    return np.unique(np.concatenate(candidates), axis=0)


def _alike(
    keys: Int64[np.ndarray, " total"],
    start: Int64[np.ndarray, " texts+1"],
    pairs: Int64[np.ndarray, "pairs 2"],
    threshold: float,
) -> Bool[np.ndarray, " pairs"]:
    """Compare pairs of sets by their exact Jaccard similarity."""
    sizes = np.diff(start)[pairs]
    like = sizes.min(axis=1) >= threshold * sizes.max(axis=1) - 1e-9
    few = np.where(sizes[:, 0] <= sizes[:, 1], pairs[:, 0], pairs[:, 1])
    many = pairs.sum(axis=1) - few
    at = np.flatnonzero(like)
    edges = np.searchsorted(np.cumsum(np.diff(start)[few[at]]), np.arange(0, np.diff(start)[few[at]].sum(), _ROWS))
    for rows in np.split(at, np.unique(edges)):
        n = np.diff(start)[few[rows]]
        if not len(rows) or not n.sum():
            continue
        positions = np.repeat(start[few[rows]] - np.concatenate([[0], np.cumsum(n)[:-1]]), n) + np.arange(n.sum())
        sought = (np.repeat(many[rows], n) << np.int64(32)) | (keys[positions] & _LOW)
        place = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
        pair = np.repeat(np.arange(len(rows)), n)
        shared = np.bincount(pair, weights=keys[place] == sought, minlength=len(rows))
        like[rows] = shared >= threshold * (sizes[rows].sum(axis=1) - shared) - 1e-9
    return like


def _mixed(x: UInt64[np.ndarray, " values"]) -> UInt64[np.ndarray, " values"]:
    """Hash 64 bits (SplitMix64)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
