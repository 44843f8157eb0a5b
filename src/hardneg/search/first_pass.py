"""The first pass of exact search over a block of queries: products in a fast format, of which few are kept.

A level that the best documents of a query will reach is guessed from a sample first. With a level from the start hardly
any document is looked at twice; without one it has to be earned from documents that are themselves far from the best,
and several times as many are kept for a while. A guess can be too high; whether it was is seen at the end, when true
scores are known.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from queue import SimpleQueue

import numpy as np
from jaxtyping import Float64, Int32, Int64, Integer

from hardneg.errors import ModelError
from hardneg.progress import Advance
from hardneg.search._kernels.compiled import Part, compiled, frozen, in_threads, n_cores, on_cache_lines
from hardneg.search._kernels.dense import CHUNK, Candidates, Tile, Towers, half_of_last_bit, in_order, open_rows, scan
from hardneg.search._kernels.numbers import select
from hardneg.search.products import Float32Format, Side
from hardneg.search.second_pass import BestRows, best_of

SHARE = 32  # one document in so many is in the sample
_GROUPS = 16  # of the sample for each document that is wanted from it, so that the best seldom meet in a group
TILE_QUERIES, TILE_DOCUMENTS = 1_024, 4_096  # of one product: small ones are slower, large ones leave the cache
_MAX_SCORE = float(np.finfo(np.float32).max) / 2


def sample(n_documents: int) -> Int64[np.ndarray, " rows"]:
    """Choose one document of each `SHARE` that follow each other.

    Which of them is left to chance, so that no order of the documents can mislead; results do not depend on it.
    """
    first = np.arange(0, n_documents - SHARE + 1, SHARE)
    return first + np.random.default_rng(0).integers(0, SHARE, len(first))


def rank_in_sample(depth: int) -> int:
    """Choose the rank in the sample whose score at least `depth` of all documents are likely to reach.

    If fewer reach it, the sample holds so many of the best, each of which is in it with a chance of one in `SHARE`.
    Four standard deviations more than expected, and three for the long tail of small numbers, leave less than one
    query in 50,000.
    """
    expected = depth / SHARE
    return min(depth, math.ceil(expected + 4 * math.sqrt(expected) + 3))


def n_groups(depth: int) -> int:
    """Count the groups that the sample is divided into; it must have as many documents."""
    return _GROUPS * rank_in_sample(depth)


@compiled
def raise_peaks(
    score: Integer[np.ndarray, "documents queries"], tile: Tile, peaks: Integer[np.ndarray, "groups queries"]
) -> None:
    """Note the highest scores of each group; document `i` of the sample belongs to group `i % groups`.

    The best of the groups are nearly the best of the sample, and maxima are taken of many scores at a time.
    """
    n_documents, n_queries = score.shape
    turned = np.int64(0x7FFFFFFF) >> tile.shift
    for row in range(n_documents):
        peak = peaks[(tile.document + row) % len(peaks), tile.query : tile.query + n_queries]
        for j in range(n_queries):
            bits = score[row, j]
            peak[j] = max(peak[j], bits ^ turned if bits < 0 else bits)


@compiled
def guess_rows(
    peaks: Integer[np.ndarray, "groups queries"],
    error: Float64[np.ndarray, " queries"],
    tile: Tile,
    candidates: Candidates,
    part: Part,
) -> None:
    """Set the floor of a part of the queries to what as many documents of the sample as wanted surely reach."""
    for row in range(part[0], part[1]):
        highest = peaks[:, row].astype(np.float64)
        bits = in_order(np.int32(np.int64(select(highest, len(highest) - tile.depth)) << tile.shift))
        score = np.float64(np.int32(bits).view(np.float32))
        candidates.floor[row] = score - half_of_last_bit(score, tile.shift) - error[row]


@dataclass(frozen=True, eq=False)
class _Search:
    """A block of queries and what is known of its best documents so far."""

    pool: Executor
    format: Float32Format
    towers: Towers
    queries: Side  # padded with zeros to a multiple of `CHUNK`
    candidates: Candidates
    depth: int
    document_block: int
    start: int = 0  # position of the first document


def search_block(
    towers: Towers,
    format_: Float32Format,
    depth: int,
    *,
    document_block: int,
    advance: Advance,
    first: int,
    guess: bool = True,
) -> tuple[Int32[np.ndarray, "queries depth"], Float64[np.ndarray, "queries depth"]]:
    """Find the best documents of some queries.

    The bound on the rounding rests on sums in float32. Each true score is held against it, and should a machine
    round otherwise, float32 products take the place of its own. They also search again, from nothing, for queries
    whose guessed level was too high.
    """
    with _searching(towers, format_, depth, document_block=document_block, first=first) as search:
        if guess and n_groups(depth) * SHARE <= len(towers.documents):
            _guess_floors(search)
        best = _best(search, advance)
    again = np.flatnonzero(~best.enough) if best.within.all() else np.arange(len(towers.queries))
    if len(again):
        some = Towers(frozen(towers.queries[again]), towers.documents)
        best.document[again], best.score[again] = search_block(
            some, Float32Format(), depth, document_block=document_block, advance=_unseen, first=first, guess=False
        )
    return best.document, best.score


def search_shard(
    towers: Towers,
    format_: Float32Format,
    floor: Float64[np.ndarray, " queries"],
    depth: int,
    *,
    document_block: int,
    first: int,
    start: int,
) -> BestRows:
    """Find the best documents of a shard, which begins at a position, among those that reach a floor.

    Those found below it are some of the others.
    """
    with _searching(towers, format_, depth, document_block=document_block, first=first, start=start) as search:
        search.candidates.floor[: len(floor)] = floor
        best = _best(search, _unseen)
    if not best.within.all():
        return search_shard(
            towers, Float32Format(), floor, depth, document_block=document_block, first=first, start=start
        )
    return best


def sampled_levels(
    towers: Towers, format_: Float32Format, depth: int, *, document_block: int, first: int, start: int
) -> Float64[np.ndarray, "queries rank"]:
    """Give scores that documents of a shard's sample surely reach, the highest of as many groups as are wanted.

    Of a shard too small for a sample they say nothing: they are below any score.
    """
    rank = rank_in_sample(depth)
    if n_groups(depth) * SHARE > len(towers.documents):
        return np.full((len(towers.queries), rank), -np.inf)
    with _searching(towers, format_, depth, document_block=document_block, first=first, start=start) as search:
        peaks, error = _peaks(search)
    bits = np.partition(peaks.astype(np.int32), len(peaks) - rank, axis=0)[-rank:] << format_.shift
    score = in_order_all(bits).view(np.float32).astype(np.float64)
    lost = np.abs(score) * (2.0**-8 if format_.shift else 0.0) + error
    return np.ascontiguousarray((score - lost).T[: len(towers.queries)])


def in_order_all(bits: Int32[np.ndarray, "*shape"]) -> Int32[np.ndarray, "*shape"]:
    """Turn integers with the order of float32 numbers into the bits of these, as `in_order` does one."""
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@contextmanager
def _searching(
    towers: Towers, format_: Float32Format, depth: int, *, document_block: int, first: int, start: int = 0
) -> Iterator[_Search]:
    """Prepare the search of a block of queries, of which nothing is known yet."""
    n_queries, capacity = len(towers.queries), 4 * depth + 64
    places = -(-n_queries // CHUNK) * CHUNK  # what is left over finds nothing
    queries = format_.side(np.pad(towers.queries, ((0, places - n_queries), (0, 0))))
    _check_finite(queries, "query", range(first, first + places))
    candidates = Candidates(
        document=np.empty((places, capacity), np.int32),
        score=np.empty((places, capacity), np.float32),
        n_kept=np.zeros(places, np.int64),
        floor=np.full(places, -np.inf),
        level=np.full(places, np.iinfo(format_.scores).max, format_.scores),
        error=np.zeros(places),
    )
    with format_.threads(n_cores()) as pool:
        yield _Search(pool, format_, towers, queries, candidates, depth, document_block, start)


def _best(search: _Search, advance: Advance) -> BestRows:
    _scan_all(search, advance)
    return best_of(search.towers, search.candidates, Tile(0, 0, search.depth, search.format.shift))


def _guess_floors(search: _Search) -> None:
    """Give each query a floor that its best documents are likely to reach."""
    peaks, error = _peaks(search)
    wanted = Tile(0, 0, rank_in_sample(search.depth), search.format.shift)
    in_threads(len(search.towers.queries), lambda part: guess_rows(peaks, error, wanted, search.candidates, part))


def _peaks(
    search: _Search,
) -> tuple[Integer[np.ndarray, "groups queries"], Float64[np.ndarray, " queries"]]:
    """Give the highest scores of each group of the sample, as integers in order, and a bound on their rounding."""
    rows, n_queries = sample(len(search.towers.documents)), len(search.queries.length)
    lowest = np.iinfo(search.format.scores).min
    peaks = np.full((n_groups(search.depth), n_queries), lowest, search.format.scores)
    error = np.zeros(n_queries)
    for start in range(0, len(rows), search.document_block):
        numbers = rows[start : start + search.document_block]
        documents = search.format.side(search.towers.documents[numbers])
        _check_documents(search.queries, documents, numbers + search.start)
        error = np.maximum(error, _error(search.queries, documents))
        _in_tiles(search, documents, start, lambda scores, tile: raise_peaks(scores, tile, peaks))
    return peaks, error


def _scan_all(search: _Search, advance: Advance) -> None:
    """Keep of all documents what may be among the best."""
    towers, candidates, shift = search.towers, search.candidates, search.format.shift
    n_queries, n_documents = len(towers.queries), len(towers.documents)
    for start, stop in pairwise([*range(0, n_documents, search.document_block), n_documents]):
        documents = search.format.side(towers.documents[start:stop])
        _check_documents(search.queries, documents, range(search.start + start, search.start + stop))
        error = _error(search.queries, documents)
        in_threads(n_queries, lambda part, error=error: open_rows(candidates, error, shift, part))  # type: ignore[misc]
        _in_tiles(search, documents, start, lambda scores, tile: scan(scores, tile, towers, candidates))
        advance(n_queries * (stop - start))


def _in_tiles(search: _Search, documents: Side, start: int, look: Callable[[np.ndarray, Tile], None]) -> None:
    """Multiply documents, the first of which is number `start`, and look at the scores tile by tile."""
    queries = search.queries.values
    width = min(TILE_QUERIES, -(-len(queries) // (n_cores() * CHUNK)) * CHUNK)

    buffers: SimpleQueue[np.ndarray] = SimpleQueue()  # made by this thread: what another frees stays with that one
    for _ in range(min(n_cores(), -(-len(queries) // width))):
        buffers.put(on_cache_lines(min(TILE_DOCUMENTS, len(documents.values)) * width, search.format.scores))

    def run(left: int) -> None:
        columns, buffer = queries[left : left + width], buffers.get()
        try:
            for top in range(0, len(documents.values), TILE_DOCUMENTS):
                rows = documents.values[top : top + TILE_DOCUMENTS]
                scores = buffer[: len(rows) * len(columns)].reshape(len(rows), len(columns))
                search.format.multiply(rows, columns, scores)
                look(scores, Tile(start + top, left, search.depth, search.format.shift))
        finally:
            buffers.put(buffer)

    for _ in search.pool.map(run, range(0, len(queries), width)):
        pass


def _error(queries: Side, documents: Side) -> Float64[np.ndarray, " queries"]:
    """Bound how far the rounded score of each query and any of the documents is from the true one."""
    dim = documents.values.shape[1]
    lost, longest = documents.lost.max(), (documents.length + documents.lost).max()
    return (
        queries.length * lost + queries.lost * longest + rounding_bound(dim, (queries.length + queries.lost) * longest)
    )


def _check_documents(queries: Side, documents: Side, numbers: Sequence[int] | Int64[np.ndarray, " rows"]) -> None:
    _check_finite(documents, "document", numbers)
    longest = int(documents.length.argmax())
    if documents.length[longest] * max(float(queries.length.max()), 1.0) > _MAX_SCORE:
        row = numbers[longest]
        raise ModelError(f"the vector of document {row} is so long that scores exceed float32; scale it down")


def _check_finite(side: Side, kind: str, numbers: Sequence[int] | Int64[np.ndarray, " rows"]) -> None:
    if not np.isfinite(side.length).all():
        raise not_finite(f"{kind} {numbers[int(np.flatnonzero(~np.isfinite(side.length))[0])]}")


def _unseen(_n: int) -> None:
    """Count nothing: these pairs have been counted."""


def rounding_bound(dim: int, length: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Bound how far a float32 dot product is from the true one, for any order of summation.

    References:
        Higham (2002), "Accuracy and Stability of Numerical Algorithms", section 3.1; the last term covers
        products too small for normal float32 numbers.
    """
    unit = dim * 2.0**-24
    return 1.01 * unit / (1 - unit) * length + dim * 2.0**-125


def not_finite(where: str) -> ModelError:
    """Say of which query or document a vector is not finite."""
    return ModelError(
        f"the vector of {where} (position from 0) has a value that is NaN or infinite; "
        "encode again in fp32, or mend the file of vectors"
    )
