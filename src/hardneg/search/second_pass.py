"""The second pass of exact search: true scores of what the first has left, and the best by them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64

from hardneg.search._kernels.compiled import Part, compiled, in_threads
from hardneg.search._kernels.dense import Candidates, Tile, Towers, half_of_last_bit, tighten
from hardneg.search._kernels.numbers import dot


class BestRows(NamedTuple):
    """What was found, the best first; only where both marks are true is it what was wanted."""

    document: Int32[np.ndarray, "queries depth"]
    score: Float64[np.ndarray, "queries depth"]
    n_found: Int64[np.ndarray, " queries"]  # fewer than wanted only where a floor was given
    within: Bool[np.ndarray, " queries"]  # whether all rounded scores were as near to the true ones as promised
    enough: Bool[np.ndarray, " queries"]  # whether as many documents as wanted reach the floor: it was not too high


class Pairs(NamedTuple):
    """What is left, query by query."""

    query: Int64[np.ndarray, " pairs"]
    document: Int32[np.ndarray, " pairs"]
    score: Float64[np.ndarray, " pairs"]  # true
    first: Int64[np.ndarray, " queries"]  # where the pairs of each query begin


def best_of(towers: Towers, candidates: Candidates, tile: Tile) -> BestRows:
    """Find the best of what is left by their true scores, equal ones by position.

    Pairs are scored in the order of the documents, since memory is read several times faster in its own order.
    """
    n_queries = len(towers.queries)
    in_threads(n_queries, lambda part: _tighten_rows(tile, towers, candidates, part))
    n_kept = candidates.n_kept[:n_queries]
    document = np.concatenate([row[:n] for row, n in zip(candidates.document, n_kept, strict=False)])
    query = np.repeat(np.arange(n_queries), n_kept)
    pairs = Pairs(query, document, np.empty(len(query)), np.cumsum(n_kept) - n_kept)
    order = np.argsort(document)
    in_threads(len(order), lambda part: _score_pairs(towers, pairs, order, part))
    best = BestRows(
        document=np.zeros((n_queries, tile.depth), np.int32),
        score=np.zeros((n_queries, tile.depth)),
        n_found=np.minimum(n_kept, tile.depth),
        within=np.empty(n_queries, np.bool_),
        enough=np.empty(n_queries, np.bool_),
    )
    in_threads(n_queries, lambda part: _order_rows(tile, candidates, pairs, best, part))
    return best


@compiled
def _tighten_rows(tile: Tile, towers: Towers, candidates: Candidates, part: Part) -> None:
    for row in range(part[0], part[1]):
        if candidates.n_kept[row] > tile.depth:
            tighten(tile, towers, candidates, row)


@compiled
def _score_pairs(towers: Towers, pairs: Pairs, order: Int64[np.ndarray, " pairs"], part: Part) -> None:
    room = np.empty(towers.queries.shape[1])
    for i in range(part[0], part[1]):
        pair = order[i]
        pairs.score[pair] = dot(towers.queries[pairs.query[pair]], towers.documents[pairs.document[pair]], room)


@compiled
def _order_rows(tile: Tile, candidates: Candidates, pairs: Pairs, best: BestRows, part: Part) -> None:
    """Put what is left for a part of the queries in order, and hold it against what was promised."""
    for row in range(part[0], part[1]):
        n = candidates.n_kept[row]
        true = pairs.score[pairs.first[row] : pairs.first[row] + n]
        best.within[row] = True
        n_reached = 0
        for i in range(n):
            rounded = np.float64(candidates.score[row, i])
            allowed = candidates.error[row] + half_of_last_bit(rounded, tile.shift)
            best.within[row] &= abs(true[i] - rounded) <= allowed
            n_reached += true[i] >= candidates.floor[row]
        best.enough[row] = n_reached >= tile.depth
        order = np.argsort(-true, kind="mergesort")
        for i in range(min(tile.depth, n)):
            best.document[row, i] = candidates.document[row, order[i]]
            best.score[row, i] = true[order[i]]
