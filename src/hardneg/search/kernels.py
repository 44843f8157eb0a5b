"""Inner loops of exact search; orders of operations are fixed, whatever the blocks and threads."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from hardneg.search.compiled import Part, compiled
from hardneg.search.selecting import places_at, select

_LANES = 16
_CHUNK = 64


class Towers(NamedTuple):
    """Vectors of both sides."""

    queries: Float32[np.ndarray, "queries dim"]
    documents: Float32[np.ndarray, "documents dim"]


class Block(NamedTuple):
    """Rounded scores of consecutive documents."""

    score: Float32[np.ndarray, "queries block"]
    first: int  # position of the first document
    depth: int  # how many documents are wanted
    error: Float64[np.ndarray, " queries"]  # bound on the rounding of any score so far


class Survivors(NamedTuple):
    """Documents that may still be among the best; the first `n_kept` of each row, in rising position."""

    document: Int32[np.ndarray, "queries capacity"]
    score: Float32[np.ndarray, "queries capacity"]  # rounded
    n_kept: Int64[np.ndarray, " queries"]
    floor: Float64[np.ndarray, " queries"]  # true scores below it are not among the best


@compiled
def dot(a: Float32[np.ndarray, " dim"], b: Float32[np.ndarray, " dim"]) -> float:
    """Multiply two vectors in float64: 16 partial sums, then their sum from the first to the last.

    The product of two float32 numbers is exact in float64, so only the additions round, in this one order.
    """
    lanes = np.zeros(_LANES)
    whole = len(a) // _LANES * _LANES
    for start in range(0, whole, _LANES):
        for lane in range(_LANES):
            lanes[lane] += np.float64(a[start + lane]) * np.float64(b[start + lane])
    for lane in range(len(a) - whole):
        lanes[lane] += np.float64(a[whole + lane]) * np.float64(b[whole + lane])
    total = 0.0
    for lane in range(_LANES):
        total += lanes[lane]
    return total


@compiled
def pair_rows(
    towers: Towers,
    query: Int64[np.ndarray, " rows"],
    document: Int64[np.ndarray, " rows"],
    score: Float32[np.ndarray, " rows"],
    part: Part,
) -> None:
    """Score the pairs of a part."""
    for row in range(part[0], part[1]):
        score[row] = dot(towers.queries[query[row]], towers.documents[document[row]])


@compiled
def length_rows(vectors: Float32[np.ndarray, "rows dim"], length: Float64[np.ndarray, " rows"], part: Part) -> None:
    """Compute Euclidean lengths; they are not finite exactly where a vector is not."""
    for row in range(part[0], part[1]):
        length[row] = np.sqrt(dot(vectors[row], vectors[row]))


@compiled
def scan_rows(towers: Towers, block: Block, survivors: Survivors, part: Part) -> None:
    """Keep the documents of a block that may still be among the best of a part of the queries."""
    capacity = survivors.document.shape[1]
    width = block.score.shape[1]
    for row in range(part[0], part[1]):
        level = survivors.floor[row] - block.error[row]
        for start in range(0, width, _CHUNK):
            stop = min(start + _CHUNK, width)
            if not any_reaches(block.score[row, start:stop], level):
                continue
            for j in range(start, stop):
                if np.float64(block.score[row, j]) >= level:
                    at = survivors.n_kept[row]
                    survivors.document[row, at] = block.first + j
                    survivors.score[row, at] = block.score[row, j]
                    survivors.n_kept[row] = at + 1
                    if at + 1 == capacity:
                        tighten(towers, block, survivors, row)
                        level = survivors.floor[row] - block.error[row]


@compiled
def any_reaches(values: Float32[np.ndarray, " chunk"], level: float) -> bool:
    """Tell whether any value may be at least `level`; counting, unlike an early exit, runs in vector registers."""
    rounded = np.float32(level)
    count = 0
    for i in range(len(values)):
        count += values[i] >= rounded
    return count > 0 or bool(np.float64(rounded) > level)


@compiled
def tighten(towers: Towers, block: Block, survivors: Survivors, row: int) -> None:
    """Raise the floor of one query and forget what falls below; afterwards at least half of the room is free."""
    n = survivors.n_kept[row]
    rounded = survivors.score[row, :n].astype(np.float64)
    reached = select(rounded, n - block.depth) - block.error[row]
    survivors.floor[row] = max(survivors.floor[row], reached)
    level = survivors.floor[row] - block.error[row]
    left = 0
    for i in range(n):
        if np.float64(survivors.score[row, i]) >= level:
            survivors.document[row, left] = survivors.document[row, i]
            survivors.score[row, left] = survivors.score[row, i]
            left += 1
    survivors.n_kept[row] = left
    if left > survivors.document.shape[1] // 2:
        tighten_truly(towers, block, survivors, row)


@compiled
def tighten_truly(towers: Towers, block: Block, survivors: Survivors, row: int) -> None:
    """Keep the best of one query by true score and position, where float32 cannot tell them apart."""
    n = survivors.n_kept[row]
    true = np.empty(n)
    for i in range(n):
        true[i] = dot(towers.queries[row], towers.documents[survivors.document[row, i]])
    last = select(true.copy(), n - block.depth)
    places = places_at(true, last, block.depth)
    left = 0
    for i in range(n):
        if true[i] > last or (true[i] == last and places > 0):
            places -= true[i] == last
            survivors.document[row, left] = survivors.document[row, i]
            survivors.score[row, left] = survivors.score[row, i]
            left += 1
    survivors.n_kept[row] = left
    survivors.floor[row] = max(survivors.floor[row], last)


@compiled
def true_rows(towers: Towers, survivors: Survivors, true: Float64[np.ndarray, "queries most"], part: Part) -> None:
    """Write the true scores of the survivors of a part of the queries, leaving the rest of `true` as it is."""
    for row in range(part[0], part[1]):
        for i in range(survivors.n_kept[row]):
            true[row, i] = dot(towers.queries[row], towers.documents[survivors.document[row, i]])
