"""Building the inverted index: for each term its documents and what the term is worth in each."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float64, Int64

from hardneg.search._kernels.compiled import frozen
from hardneg.search._kernels.postings import Postings, count, fill
from hardneg.search.terms import Terms


def build_postings(slices: Iterable[Terms], vocabulary: dict[str, int], *, k1: float, b: float) -> Postings:
    """Turn the terms of documents into postings."""
    counted = [count(terms.term, terms.text, terms.n_texts, len(vocabulary)) for terms in slices]
    df = np.zeros(len(vocabulary), np.int64)
    for counts in counted:
        df += np.bincount(counts.term, minlength=len(vocabulary))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(df)])
    length = np.concatenate([np.empty(0, np.int64), *(counts.length for counts in counted)])
    held_back = _held_back(length, k1, b)
    idf = np.log1p((len(length) - df + 0.5) / (df + 0.5))
    postings = Postings(first, np.empty(first[-1], np.int32), np.empty(first[-1], np.float32), len(length))
    free = first[:-1].copy()
    counted.reverse()
    n_filled = 0
    while counted:  # each slice's memory is freed as soon as it is in the index
        counts = counted.pop()
        fill(counts, idf, held_back, free, postings, n_filled)
        n_filled += len(counts.length)
    return Postings(frozen(first), frozen(postings.document), frozen(postings.impact), len(length))


def _held_back(length: Int64[np.ndarray, " documents"], k1: float, b: float) -> Float64[np.ndarray, " documents"]:
    """Compute `k1 * (1 - b + b * length / average length)` of each document."""
    average = max(float(length.mean()), 1.0) if len(length) else 1.0
    return k1 * (1 - b + b * length / average)
