"""Inner loops of exact search; orders of operations are fixed, whatever the blocks and threads.

Rounded scores come as the bits of floating-point numbers. Read as integers, with all but the sign turned over for
negative ones, they have the order of the numbers, and integers of 16 bits are compared 32 at a time.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64, Integer

from hardneg.search._kernels.compiled import Part, compiled
from hardneg.search._kernels.numbers import dot, places_at, select

Whole = int | np.signedinteger[Any]

CHUNK = 64  # queries are searched for in multiples of it
_HITS = 4_096  # that are listed before they are kept


class Towers(NamedTuple):
    """Vectors of both sides."""

    queries: Float32[np.ndarray, "queries dim"]
    documents: Float32[np.ndarray, "documents dim"]


class Tile(NamedTuple):
    """Where a block of scores belongs, and what is wanted of it."""

    document: int  # position of the first document
    query: int  # row of the first query
    depth: int  # how many documents are wanted
    shift: int  # bits of a float32 that a score lacks at its end


class Candidates(NamedTuple):
    """Documents that may still be among the best; the first `n_kept` of each row, in rising position."""

    document: Int32[np.ndarray, "queries capacity"]
    score: Float32[np.ndarray, "queries capacity"]  # rounded
    n_kept: Int64[np.ndarray, " queries"]
    floor: Float64[np.ndarray, " queries"]  # true scores below it are not among the best
    level: Integer[np.ndarray, " queries"]  # rounded scores below it, as integers in order, belong to such
    error: Float64[np.ndarray, " queries"]  # bound on the rounding of any score so far, but for that of its last bits


@compiled
def pair_rows(
    towers: Towers,
    query: Int64[np.ndarray, " rows"],
    document: Int64[np.ndarray, " rows"],
    score: Float32[np.ndarray, " rows"],
    part: Part,
) -> None:
    """Score the pairs of a part."""
    room = np.empty(towers.queries.shape[1])
    for row in range(part[0], part[1]):
        score[row] = dot(towers.queries[query[row]], towers.documents[document[row]], room)


@compiled
def in_order(bits: Whole) -> Whole:
    """Turn the bits of a float32 into an integer with the order of the number, and back."""
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@compiled
def level_of(value: float, shift: int) -> Whole:
    """Round a number as scores are rounded and turn it into an integer with the order of the number."""
    bits = np.float32(value).view(np.int32)
    if shift == 16 and np.isfinite(value):
        bits = np.int32((bits + np.int32(0x7FFF) + ((bits >> np.int32(16)) & np.int32(1))) & np.int32(-65536))
    return in_order(bits) >> shift


@compiled
def half_of_last_bit(score: float, shift: int) -> float:
    """Bound how far a score is from the sum that it was rounded from."""
    return abs(score) * 2.0**-8 if shift == 16 else 0.0


@compiled
def scan(score: Integer[np.ndarray, "documents queries"], tile: Tile, towers: Towers, candidates: Candidates) -> None:
    """Keep the documents of a block of scores, given by their bits, that may still be among the best."""
    n_documents, n_queries = score.shape
    level = candidates.level[tile.query : tile.query + n_queries]
    turned = np.int64(0) if level.min() >= 0 else np.int64(0x7FFFFFFF) >> tile.shift
    hits = np.empty((_HITS + n_queries, 2), np.int32)
    row = 0
    while row < n_documents:
        row, n_hits = find(score, row, level, turned, hits)
        keep(score, hits[:n_hits], tile, towers, candidates)


@compiled
def find(
    score: Integer[np.ndarray, "documents queries"],
    row: int,
    level: Integer[np.ndarray, " queries"],
    turned: Whole,
    hits: Int32[np.ndarray, "hits 2"],
) -> tuple[int, int]:
    """List scores that reach their level, from a row to the last or until the list may be too short for another.

    Many scores are compared at a time, and eight results are looked at together; nothing else is done here, and
    nothing is called, so that the loops stay in registers. `turned` may be 0 where no level is negative: the bits of a
    negative score are a negative integer.
    """
    n_documents, n_queries = score.shape
    reached = np.empty(n_queries, np.uint8)
    several = reached.view(np.int64)  # nearly always 0
    n_hits = 0
    while row < n_documents and n_hits + n_queries < len(hits):
        if turned:
            for j in range(n_queries):
                reached[j] = (score[row, j] ^ turned if score[row, j] < 0 else score[row, j]) >= level[j]
        else:
            for j in range(n_queries):
                reached[j] = score[row, j] >= level[j]
        for word in range(len(several)):
            if several[word]:
                for j in range(word * 8, word * 8 + 8):
                    hits[n_hits, 0] = row
                    hits[n_hits, 1] = j
                    n_hits += reached[j]
        row += 1
    return row, n_hits


@compiled
def keep(
    score: Integer[np.ndarray, "documents queries"],
    hits: Int32[np.ndarray, "hits 2"],
    tile: Tile,
    towers: Towers,
    candidates: Candidates,
) -> None:
    """Keep what was found, where the level has not risen since."""
    for i in range(len(hits)):
        row, j = hits[i, 0], hits[i, 1]
        query = tile.query + j
        rounded = np.int32(np.int32(score[row, j]) << tile.shift)
        if in_order(rounded) >> tile.shift < candidates.level[query]:
            continue
        at = candidates.n_kept[query]
        candidates.document[query, at] = tile.document + row
        candidates.score[query, at] = rounded.view(np.float32)
        candidates.n_kept[query] = at + 1
        if at + 1 == candidates.document.shape[1]:
            tighten(tile, towers, candidates, query)
            candidates.level[query] = level_of(candidates.floor[query] - candidates.error[query], tile.shift)


@compiled
def tighten(tile: Tile, towers: Towers, candidates: Candidates, query: int) -> None:
    """Raise the floor of one query and forget what falls below; afterwards at least half of the room is free."""
    n = candidates.n_kept[query]
    rounded = candidates.score[query, :n].astype(np.float64)
    reached = select(rounded, n - tile.depth)
    reached -= half_of_last_bit(reached, tile.shift) + candidates.error[query]
    candidates.floor[query] = max(candidates.floor[query], reached)
    level = level_of(candidates.floor[query] - candidates.error[query], tile.shift)
    left = 0
    for i in range(n):
        if in_order(np.float32(candidates.score[query, i]).view(np.int32)) >> tile.shift >= level:
            candidates.document[query, left] = candidates.document[query, i]
            candidates.score[query, left] = candidates.score[query, i]
            left += 1
    candidates.n_kept[query] = left
    if left > candidates.document.shape[1] // 2:
        tighten_truly(tile, towers, candidates, query)


@compiled
def tighten_truly(tile: Tile, towers: Towers, candidates: Candidates, query: int) -> None:
    """Keep the best of one query by true score and position, where rounded ones cannot tell them apart."""
    n = candidates.n_kept[query]
    true, room = np.empty(n), np.empty(towers.queries.shape[1])
    for i in range(n):
        true[i] = dot(towers.queries[query], towers.documents[candidates.document[query, i]], room)
    last = select(true.copy(), n - tile.depth)
    places = places_at(true, last, tile.depth)
    left = 0
    for i in range(n):
        if true[i] > last or (true[i] == last and places > 0):
            places -= true[i] == last
            candidates.document[query, left] = candidates.document[query, i]
            candidates.score[query, left] = candidates.score[query, i]
            left += 1
    candidates.n_kept[query] = left
    candidates.floor[query] = max(candidates.floor[query], last)


@compiled
def open_rows(candidates: Candidates, error: Float64[np.ndarray, " queries"], shift: int, part: Part) -> None:
    """Prepare a part of the queries for documents whose scores may be rounded by `error`."""
    for row in range(part[0], part[1]):
        candidates.error[row] = max(candidates.error[row], error[row])
        candidates.level[row] = level_of(candidates.floor[row] - candidates.error[row], shift)
