"""The first pass of exact search over a block of queries: products in a fast format, of which few are kept."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int32, Int64

from hardneg.errors import ModelError
from hardneg.progress import Advance
from hardneg.search._kernels.compiled import frozen, in_threads, n_cores, on_cache_lines
from hardneg.search._kernels.dense import CHUNK, Place, Survivors, Towers, open_rows, scan
from hardneg.search.guess import SHARE, guess_rows, n_groups, raise_peaks, rank_in_sample, sample
from hardneg.search.products import Format, Side, Single
from hardneg.search.second_pass import best_of

TILE_QUERIES, TILE_DOCUMENTS = 1_024, 4_096  # of one product: small ones are slower, large ones leave the cache
_MAX_SCORE = float(np.finfo(np.float32).max) / 2


@dataclass(frozen=True, eq=False)
class _Search:
    """A block of queries and what is known of its best documents so far."""

    pool: Executor
    format: Format
    towers: Towers
    queries: Side  # padded with zeros to a multiple of `CHUNK`
    survivors: Survivors
    depth: int
    document_block: int


def search_block(
    towers: Towers,
    format_: Format,
    depth: int,
    *,
    document_block: int,
    advance: Advance,
    first: int,
    guess: bool = True,
) -> tuple[Int32[np.ndarray, "queries depth"], Float32[np.ndarray, "queries depth"]]:
    """Find the best documents of some queries.

    The bound on the rounding rests on sums in float32. Each true score is held against it, and should a machine
    round otherwise, float32 products take the place of its own. They also search again, from nothing, for queries
    whose guessed level was too high.
    """
    n_queries, capacity = len(towers.queries), 4 * depth + 64
    places = -(-n_queries // CHUNK) * CHUNK  # what is left over finds nothing
    queries = format_.side(np.pad(towers.queries, ((0, places - n_queries), (0, 0))))
    _check_finite(queries, "query", range(first, first + places))
    survivors = Survivors(
        document=np.empty((places, capacity), np.int32),
        score=np.empty((places, capacity), np.float32),
        n_kept=np.zeros(places, np.int64),
        floor=np.full(places, -np.inf),
        level=np.full(places, np.iinfo(format_.scores).max, format_.scores),
        error=np.zeros(places),
    )
    with format_.threads(n_cores()) as pool:
        search = _Search(pool, format_, towers, queries, survivors, depth, document_block)
        if guess and n_groups(depth) * SHARE <= len(towers.documents):
            _guess_floors(search)
        _scan_all(search, advance)
    best = best_of(towers, survivors, Place(0, 0, depth, format_.shift))
    again = np.flatnonzero(~best.enough) if best.within.all() else np.arange(n_queries)
    if len(again):
        some = Towers(frozen(towers.queries[again]), towers.documents)
        best.document[again], best.score[again] = search_block(
            some, Single(), depth, document_block=document_block, advance=_unseen, first=first, guess=False
        )
    return best.document, best.score


def _guess_floors(search: _Search) -> None:
    """Give each query a floor that its best documents are likely to reach."""
    rows, n_queries = sample(len(search.towers.documents)), len(search.queries.length)
    lowest = np.iinfo(search.format.scores).min
    peaks = np.full((n_groups(search.depth), n_queries), lowest, search.format.scores)
    error = np.zeros(n_queries)
    for start in range(0, len(rows), search.document_block):
        numbers = rows[start : start + search.document_block]
        documents = search.format.side(search.towers.documents[numbers])
        _check_documents(search.queries, documents, numbers)
        error = np.maximum(error, _error(search.queries, documents))
        _in_tiles(search, documents, start, lambda scores, place: raise_peaks(scores, place, peaks))
    wanted = Place(0, 0, rank_in_sample(search.depth), search.format.shift)
    in_threads(len(search.towers.queries), lambda part: guess_rows(peaks, error, wanted, search.survivors, part))


def _scan_all(search: _Search, advance: Advance) -> None:
    """Keep of all documents what may be among the best."""
    towers, survivors, shift = search.towers, search.survivors, search.format.shift
    n_queries, n_documents = len(towers.queries), len(towers.documents)
    for start, stop in pairwise([*range(0, n_documents, search.document_block), n_documents]):
        documents = search.format.side(towers.documents[start:stop])
        _check_documents(search.queries, documents, range(start, stop))
        error = _error(search.queries, documents)
        in_threads(n_queries, lambda part, error=error: open_rows(survivors, error, shift, part))  # type: ignore[misc]
        _in_tiles(search, documents, start, lambda scores, place: scan(scores, place, towers, survivors))
        advance(n_queries * (stop - start))


def _in_tiles(search: _Search, documents: Side, start: int, look: Callable[[np.ndarray, Place], None]) -> None:
    """Multiply documents, the first of which is number `start`, and look at the scores tile by tile."""
    queries = search.queries.values
    width = min(TILE_QUERIES, -(-len(queries) // (n_cores() * CHUNK)) * CHUNK)

    def run(left: int) -> None:
        columns = queries[left : left + width]
        room = on_cache_lines(min(TILE_DOCUMENTS, len(documents.values)) * len(columns), search.format.scores)
        for top in range(0, len(documents.values), TILE_DOCUMENTS):
            rows = documents.values[top : top + TILE_DOCUMENTS]
            scores = room[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            search.format.multiply(rows, columns, scores)
            look(scores, Place(start + top, left, search.depth, search.format.shift))

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
