"""Inner loops of BM25; a score is always added up in the order of the query's terms."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from hardneg.search._kernels.compiled import Part, compiled
from hardneg.search._kernels.numbers import places_at, select

# Scores of this many documents stay in a core's own cache while queries' terms are added up.
_BLOCK = 8_192
_CHUNK = 64
_SPARE = 128  # entries a query beyond the best ones, before these are cut


class Postings(NamedTuple):
    """Term `t` stands in `document[first[t] : first[t + 1]]`, ascending, and adds `impact` to their scores."""

    first: Int64[np.ndarray, " terms_and_one"]
    document: Int32[np.ndarray, " postings"]
    impact: Float32[np.ndarray, " postings"]
    n_documents: int


class QueryTerms(NamedTuple):
    """Query `q` has the distinct terms `term[first[q] : first[q + 1]]`, each counting `weight` times."""

    first: Int64[np.ndarray, " queries_and_one"]
    term: Int32[np.ndarray, " terms"]
    weight: Float64[np.ndarray, " terms"]


class Best(NamedTuple):
    """The best documents of each query so far; the first `n` of each row, in rising position."""

    document: Int32[np.ndarray, "queries capacity"]
    score: Float64[np.ndarray, "queries capacity"]
    n: Int64[np.ndarray, " queries"]
    level: Float64[np.ndarray, " queries"]  # documents that score no more are not among the best
    depth: int


class Counts(NamedTuple):
    """How often each term stands in each document of a slice, ordered by document, then by first occurrence."""

    term: Int32[np.ndarray, " pairs"]
    tf: Int32[np.ndarray, " pairs"]
    n_terms: Int64[np.ndarray, " documents"]  # different ones
    length: Int64[np.ndarray, " documents"]


@compiled
def count(
    term: Int32[np.ndarray, " terms"], text: Int64[np.ndarray, " terms"], n_texts: int, n_vocabulary: int
) -> Counts:
    """Count the terms of each document of a slice."""
    place = np.full(n_vocabulary, -1, np.int64)  # the last pair with this term
    pair_term, tf = np.empty(len(term), np.int32), np.empty(len(term), np.int32)
    n_terms, length = np.zeros(n_texts, np.int64), np.zeros(n_texts, np.int64)
    n = at = 0
    for document in range(n_texts):
        begin, start = n, at
        while at < len(term) and text[at] == document:
            if place[term[at]] < begin:
                place[term[at]] = n
                pair_term[n], tf[n] = term[at], 0
                n += 1
            tf[place[term[at]]] += 1
            at += 1
        n_terms[document], length[document] = n - begin, at - start
    return Counts(pair_term[:n].copy(), tf[:n].copy(), n_terms, length)


@compiled
def fill(  # noqa: PLR0917 - an inner loop
    counts: Counts,
    idf: Float64[np.ndarray, " terms"],
    held_back: Float64[np.ndarray, " documents"],
    free: Int64[np.ndarray, " terms"],
    postings: Postings,
    first_document: int,
) -> None:
    """Write the counts of a slice of documents to the next free places of their terms."""
    i = 0
    for document in range(len(counts.n_terms)):
        held = held_back[first_document + document]
        for _ in range(counts.n_terms[document]):
            term, tf = counts.term[i], np.float64(counts.tf[i])
            at = free[term]
            free[term] += 1
            postings.document[at] = first_document + document
            postings.impact[at] = idf[term] * (tf / (tf + held))
            i += 1


@compiled
def search_rows(
    postings: Postings,
    queries: QueryTerms,
    found: Int32[np.ndarray, "queries depth"],
    score: Float64[np.ndarray, "queries depth"],
    part: Part,
) -> None:
    """Find the best documents of a part of the queries, in rising position.

    All its queries pass over one block of documents before the next, so that the block's postings stay in the
    core's own cache, and where a term's postings in the block begin and end is found once for all of them.
    """
    rows = part[1] - part[0]
    of_part = slice(queries.first[part[0]], queries.first[part[1]])
    terms = np.unique(queries.term[of_part])
    which = np.searchsorted(terms, queries.term[of_part])
    start = queries.first[part[0] : part[1] + 1] - queries.first[part[0]]
    weight = queries.weight[of_part]
    begin, end = np.empty(len(terms), np.int64), postings.first[terms]
    best = Best(
        np.empty((rows, found.shape[1] + _SPARE), np.int32),
        np.empty((rows, found.shape[1] + _SPARE)),
        np.zeros(rows, np.int64),
        np.zeros(rows),
        found.shape[1],
    )
    total = np.zeros(_BLOCK)
    for block in range(0, postings.n_documents, _BLOCK):
        stop = min(block + _BLOCK, postings.n_documents)
        for i in range(len(terms)):
            begin[i] = end[i]
            last = min(begin[i] + _BLOCK, postings.first[terms[i] + 1])
            end[i] = position(postings.document, stop, begin[i], last)
        for row in range(rows):
            touched = 0
            for i in range(start[row], start[row + 1]):
                term = which[i]
                add_up(postings, begin[term], end[term], weight[i], total, block)
                touched += end[term] - begin[term]
            if touched > 0:
                collect(total[: stop - block], block, best, row)
    for row in range(rows):
        if best.n[row] > best.depth:
            keep_best(best, row)
        n = best.n[row]
        found[part[0] + row, :n] = best.document[row, :n]
        score[part[0] + row, :n] = best.score[row, :n]


@compiled
def add_up(  # noqa: PLR0917 - an inner loop
    postings: Postings, begin: int, end: int, weight: float, total: Float64[np.ndarray, " block"], block: int
) -> None:
    """Add the impacts of some of a term's postings to a block of documents; unsigned positions need no checks."""
    first = np.uint64(block)
    for j in range(begin, end):
        total[np.uint64(postings.document[j]) - first] += weight * postings.impact[j]


@compiled
def collect(total: Float64[np.ndarray, " block"], block: int, best: Best, row: int) -> None:
    """Keep the documents of a block that may be among a query's best, and set the block back to 0."""
    level = best.level[row : row + 1]
    bits, level_bits = total.view(np.int64), level.view(np.int64)
    for start in range(0, len(total), _CHUNK):
        stop = min(start + _CHUNK, len(total))
        if largest(bits[start:stop]) > level_bits[0]:
            for i in range(start, stop):
                if total[i] > level[0]:
                    best.document[row, best.n[row]] = block + i
                    best.score[row, best.n[row]] = total[i]
                    best.n[row] += 1
                    if best.n[row] == best.score.shape[1]:
                        keep_best(best, row)
        total[start:stop] = 0.0


@compiled
def largest(bits: Int64[np.ndarray, " chunk"]) -> np.int64:
    """Find the largest of some scores by their bits: from 0 up these have the same order and, unlike NaNs, no rules."""
    most = np.int64(0)
    for i in range(len(bits)):
        most = max(most, bits[i])
    return most


@compiled
def keep_best(best: Best, row: int) -> None:
    """Cut a query's entries to the `depth` best, equal ones by position, and raise its level to the lowest left."""
    n, document, score = best.n[row], best.document[row], best.score[row]
    last = select(score[:n].copy(), n - best.depth)
    places = places_at(score[:n], last, best.depth)
    left = 0
    for i in range(n):
        if score[i] > last or (score[i] == last and places > 0):
            places -= score[i] == last
            document[left], score[left] = document[i], score[i]
            left += 1
    best.n[row], best.level[row] = left, last


@compiled
def pair_rows(  # noqa: PLR0917 - an inner loop
    postings: Postings,
    queries: QueryTerms,
    query: Int64[np.ndarray, " rows"],
    document: Int32[np.ndarray, " rows"],
    score: Float32[np.ndarray, " rows"],
    part: Part,
) -> None:
    """Score the pairs of a part."""
    for row in range(part[0], part[1]):
        total = 0.0
        for i in range(queries.first[query[row]], queries.first[query[row] + 1]):
            end = postings.first[queries.term[i] + 1]
            at = position(postings.document, document[row], postings.first[queries.term[i]], end)
            if at < end and postings.document[at] == document[row]:
                total += queries.weight[i] * postings.impact[at]
        score[row] = total


@compiled
def position(values: Int32[np.ndarray, " values"], wanted: int, low: int, high: int) -> int:
    """Find the first place in sorted `values[low:high]` whose value is at least `wanted`, or `high`."""
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
