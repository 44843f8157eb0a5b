"""Texts as sets of hashed shingles, and how much these sets share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from jaxtyping import Bool, Int64, Integer, UInt32

from hardneg.data.corpus import of_texts
from hardneg.data.dataset import Dataset
from hardneg.data.text import normalised
from hardneg.progress import task
from hardneg.search._kernels.compiled import ahead, compiled

_SLICE = 16_384


@dataclass(frozen=True, eq=False)
class Shingles:
    """A sorted set of shingle hashes for each text."""

    hashes: UInt32[np.ndarray, " total"]  # the sets, one after the other
    start: Int64[np.ndarray, " texts+1"]  # of each set in hashes, and at last where the last one ends


@of_texts(keep=2, sent=True)
def document_shingles(dataset: Dataset, size: int) -> Shingles:
    """Shingle the documents of a dataset, once for each distinct normalised text.

    A token is a run of letters, digits and underscores, or any other single character, and in scripts
    written without spaces each letter: so operators count in code and characters in Chinese. A shingle is
    `size` tokens in a row; a text shorter than that is one shingle of all it has, and a text without tokens
    has none. Takes about four bytes for each token of the corpus.
    """
    group, document = np.unique(dataset.text_group, return_index=True)
    parts, counts = [np.empty(0, dtype=np.uint32)], [np.zeros(1, dtype=np.int64)]
    with task("shingling documents", total=len(group), unit="documents") as advance:
        slices = (document[first : first + _SLICE] for first in range(0, len(group), _SLICE))
        for hashes, count in ahead(slices, lambda rows: shingle(dataset.document_texts.gather(rows), size)):
            parts.append(hashes)
            counts.append(count)
            advance(len(count))
    return Shingles(np.concatenate(parts), np.cumsum(np.concatenate(counts)))


def shingle(texts: pl.Series, size: int) -> tuple[UInt32[np.ndarray, " total"], Int64[np.ndarray, " texts"]]:
    """Turn texts into sets of hashes."""
    plain = pl.DataFrame({"text": texts}).select(normalised(pl.col("text").fill_null("")))["text"]
    ends = np.cumsum(plain.str.len_chars().to_numpy().astype(np.int64))
    characters = np.frombuffer("".join(plain.to_list()).encode("utf-32-le"), dtype=np.uint32)
    hashes = np.empty(len(characters), dtype=np.uint32)
    counts = np.empty(len(ends), dtype=np.int64)
    total = _fill(characters, ends, size, hashes, counts)
    return hashes[:total].copy(), counts


@compiled
def _mix(x: np.uint64) -> np.uint64:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@compiled
def _kind(c: np.uint32) -> int:
    """0 for a space, 1 for a letter that goes on in a word, 2 for a character that is a token of its own."""
    if c <= 32:
        return 0
    if c < 128:
        return 1 if 48 <= c <= 57 or 97 <= c <= 122 or c == 95 else 2
    if 0x0E00 <= c <= 0x0EFF or 0x1000 <= c <= 0x109F or 0x1780 <= c <= 0x17FF:  # Thai, Lao, Burmese, Khmer
        return 2
    if c < 0xC0 or 0x2000 <= c <= 0x2BFF or c >= 0x2E80:  # symbols; Chinese, Japanese, Korean
        return 2
    return 1


@compiled
def _tokens(characters: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """Hash each token; a state of 0 means that no word is open."""
    tokens = np.empty(len(characters), dtype=np.uint64)
    n_tokens = 0
    state = np.uint64(0)
    for character in characters:
        kind = _kind(character)
        if kind != 1 and state != 0:
            tokens[n_tokens] = state
            n_tokens += 1
            state = np.uint64(0)
        if kind > 0:
            state = _mix(state + np.uint64(character) + np.uint64(0x9E3779B97F4A7C15))
        if kind == 2:
            tokens[n_tokens] = state
            n_tokens += 1
            state = np.uint64(0)
    if state != 0:
        tokens[n_tokens] = state
        n_tokens += 1
    return tokens[:n_tokens]


@compiled
def _shingled(tokens: npt.NDArray[np.uint64], size: int) -> npt.NDArray[np.uint32]:
    """Hash each run of `size` tokens, or of all there are if fewer; sorted."""
    width = min(size, len(tokens))
    hashes = np.empty(len(tokens) - width + 1 if width > 0 else 0, dtype=np.uint32)
    for at in range(len(hashes)):
        state = np.uint64(0)
        for token in tokens[at : at + width]:
            state = _mix(state + token + np.uint64(0x9E3779B97F4A7C15))
        hashes[at] = np.uint32(state >> np.uint64(32))
    hashes.sort()
    return hashes


@compiled
def _fill(
    characters: npt.NDArray[np.uint32],
    ends: npt.NDArray[np.int64],
    size: int,
    hashes: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.int64],
) -> int:
    """Write the set of each text behind the one before; repeats are left out."""
    total = begin = 0
    for text in range(len(ends)):
        shingles = _shingled(_tokens(characters[begin : ends[text]]), size)
        begin, first = ends[text], total
        for at in range(len(shingles)):
            if at == 0 or shingles[at] != shingles[at - 1]:
                hashes[total] = shingles[at]
                total += 1
        counts[text] = total - first
    return total


def shares_enough(
    shingles: Shingles,
    text: Integer[np.ndarray, " rows"],
    low: Integer[np.ndarray, " rows"],
    high: Integer[np.ndarray, " rows"],
    others: Integer[np.ndarray, " others"],
    *,
    threshold: float,
) -> Bool[np.ndarray, " rows"]:
    """Mark the texts whose Jaccard similarity with any of their others reaches a threshold."""
    return _any_near(shingles.hashes, shingles.start, text, low, high, others, threshold)


@compiled
def _near(hashes: npt.NDArray[np.uint32], a: int, a_end: int, b: int, b_end: int, threshold: float) -> bool:  # noqa: PLR0917
    n_a, n_b = a_end - a, b_end - b
    if n_a == 0 or n_b == 0:
        return False
    # |A & B| / |A | B| >= t is |A & B| >= t / (1 + t) * (|A| + |B|); what each set may miss follows.
    needed = int(np.ceil(threshold / (1 + threshold) * (n_a + n_b) - 1e-9))
    spare_a, spare_b = n_a - needed, n_b - needed
    while spare_a >= 0 and spare_b >= 0:
        if a == a_end or b == b_end:
            return a_end - a <= spare_a and b_end - b <= spare_b
        if hashes[a] == hashes[b]:
            a += 1
            b += 1
        elif hashes[a] < hashes[b]:
            a += 1
            spare_a -= 1
        else:
            b += 1
            spare_b -= 1
    return False


@compiled
def _any_near(  # noqa: PLR0917
    hashes: npt.NDArray[np.uint32],
    start: npt.NDArray[np.int64],
    text: npt.NDArray[Any],
    low: npt.NDArray[Any],
    high: npt.NDArray[Any],
    others: npt.NDArray[Any],
    threshold: float,
) -> npt.NDArray[np.bool_]:
    near = np.zeros(len(text), dtype=np.bool_)
    for row in range(len(text)):
        one = text[row]
        for at in range(low[row], high[row]):
            other = others[at]
            if _near(hashes, start[one], start[one + 1], start[other], start[other + 1], threshold):
                near[row] = True
                break
    return near
