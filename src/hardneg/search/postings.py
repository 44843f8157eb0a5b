"""Building the inverted index: for each term its documents and what the term is worth in each."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float64

from hardneg.search.compiled import frozen
from hardneg.search.postings_kernels import Counts, Postings, fill
from hardneg.search.terms import Terms


def build_postings(slices: Iterable[Terms], vocabulary: dict[str, int], *, k1: float, b: float) -> Postings:
    """Turn the terms of documents into postings.

    Args:
        slices: The terms of all documents, in order; read once.
        vocabulary: Number of each term; complete when `slices` is exhausted.
        k1: See `BM25Index.build`.
        b: See `BM25Index.build`.

    Returns:
        The inverted index.
    """
    counted: list[Counts] = []
    n_documents = 0
    for terms in slices:
        counted.append(_count(terms, n_documents))
        n_documents += terms.n_texts
    df = np.zeros(len(vocabulary), np.int64)
    for counts in counted:
        df += np.bincount(counts.term, minlength=len(vocabulary))
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(df)])
    idf = np.log1p((n_documents - df + 0.5) / (df + 0.5))
    held_back = _held_back(counted, k1, b)
    postings = Postings(first, np.empty(first[-1], np.int32), np.empty(first[-1], np.float32), n_documents)
    free = first[:-1].copy()
    counted.reverse()
    while counted:  # each slice's memory is freed as soon as it is in the index
        fill(counted.pop(), idf, held_back, free, postings)
    return Postings(frozen(first), frozen(postings.document), frozen(postings.impact), n_documents)


def _count(terms: Terms, first_document: int) -> Counts:
    keys = (terms.text << 32) | terms.term
    keys.sort()
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    tf = np.diff(starts, append=len(keys)).astype(np.int32)
    document = (keys[starts] >> 32).astype(np.int32) + np.int32(first_document)
    length = np.bincount(terms.text, minlength=terms.n_texts)
    return Counts(document, keys[starts].astype(np.int32), tf, length)


def _held_back(counted: list[Counts], k1: float, b: float) -> Float64[np.ndarray, " documents"]:
    """Compute `k1 * (1 - b + b * length / average length)` of each document."""
    length = np.concatenate([np.empty(0, np.int64), *(counts.length for counts in counted)])
    average = max(float(length.mean()), 1.0) if len(length) else 1.0
    return k1 * (1 - b + b * length / average)
