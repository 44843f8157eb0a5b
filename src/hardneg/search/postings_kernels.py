"""Inner loops of BM25; a score is always added up in the order of the query's terms."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from hardneg.search.compiled import Part, compiled
from hardneg.search.selecting import places_at, select

# Scores of this many documents stay in a core's own cache while a query's terms are added up.
_BLOCK = 32_768
_CHUNK = 64


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
    """Find the best documents of a part of the queries, in rising position."""
    depth = found.shape[1]
    kept = np.empty(2 * depth + 256, np.int32)
    kept_score = np.empty(len(kept))
    total = np.zeros(_BLOCK)
    for row in range(part[0], part[1]):
        terms = queries.term[queries.first[row] : queries.first[row + 1]]
        weights = queries.weight[queries.first[row] : queries.first[row + 1]]
        at = postings.first[terms]
        n_kept = 0
        level = 0.0
        for begin in range(0, postings.n_documents, _BLOCK):
            end = min(begin + _BLOCK, postings.n_documents)
            if not add_up(postings, terms, weights, at, total[: end - begin], begin):
                continue
            for start in range(0, end - begin, _CHUNK):
                chunk = total[start : min(start + _CHUNK, end - begin)]
                if any_above(chunk, level):
                    for j in range(len(chunk)):
                        if chunk[j] > level:
                            kept[n_kept] = begin + start + j
                            kept_score[n_kept] = chunk[j]
                            n_kept += 1
                            if n_kept == len(kept):
                                level = keep_best(kept, kept_score, n_kept, depth)
                                n_kept = depth
                chunk[:] = 0.0
        if n_kept > depth:
            keep_best(kept, kept_score, n_kept, depth)
            n_kept = depth
        found[row, :n_kept] = kept[:n_kept]
        score[row, :n_kept] = kept_score[:n_kept]


@compiled
def any_above(values: Float64[np.ndarray, " chunk"], level: float) -> bool:
    """Tell whether any value exceeds `level`; counting, unlike an early exit, runs in vector registers."""
    count = 0
    for i in range(len(values)):
        count += values[i] > level
    return count > 0


@compiled
def add_up(  # noqa: PLR0917 - an inner loop
    postings: Postings,
    term: Int32[np.ndarray, " terms"],
    weight: Float64[np.ndarray, " terms"],
    at: Int64[np.ndarray, " terms"],
    total: Float64[np.ndarray, " block"],
    begin: int,
) -> bool:
    """Add the terms' impacts on a block of documents that starts at `begin`; tell whether there were any.

    `at` holds how far each term's postings have been read, and moves on.
    """
    end = begin + len(total)
    touched = False
    for i in range(len(term)):
        j = at[i]
        last = postings.first[term[i] + 1]
        while j < last and postings.document[j] < end:
            total[postings.document[j] - begin] += weight[i] * postings.impact[j]
            j += 1
        touched = touched or j > at[i]
        at[i] = j
    return touched


@compiled
def keep_best(
    kept: Int32[np.ndarray, " capacity"], kept_score: Float64[np.ndarray, " capacity"], n: int, depth: int
) -> float:
    """Cut the first `n` entries to the `depth` best, equal ones by position; return the lowest score left."""
    last = select(kept_score[:n].copy(), n - depth)
    places = places_at(kept_score[:n], last, depth)
    left = 0
    for i in range(n):
        if kept_score[i] > last or (kept_score[i] == last and places > 0):
            places -= kept_score[i] == last
            kept[left] = kept[i]
            kept_score[left] = kept_score[i]
            left += 1
    return last


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
