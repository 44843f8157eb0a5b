"""The passes over a block of queries: products in a fast format, then true scores of the few that are left."""

from concurrent.futures import Executor
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int32

from hardneg.errors import ModelError
from hardneg.progress import Advance
from hardneg.search.compiled import in_threads, n_cores
from hardneg.search.kernels import CHUNK, Best, Place, Survivors, Towers, close_rows, open_rows, scan
from hardneg.search.products import Format, Side, Single

_QUERIES, _DOCUMENTS = 512, 2_048  # of one product, so that its scores stay in the cache of a core
_MAX_SCORE = float(np.finfo(np.float32).max) / 2


def search_block(
    towers: Towers, format_: Format, depth: int, *, document_block: int, advance: Advance, first: int
) -> tuple[Int32[np.ndarray, "queries depth"], Float32[np.ndarray, "queries depth"]]:
    """Find the best documents of some queries.

    The bound on the rounding rests on sums in float32. Each true score is held against it, and should a machine
    round otherwise, float32 products take the place of its own.

    Args:
        towers: The vectors.
        format_: What to multiply in.
        depth: Documents to return, at most as many as there are.
        document_block: Documents rounded at a time.
        advance: Called with the number of pairs done.
        first: Number of the first query in messages.

    Returns:
        Documents by position and their scores, the best first.

    Raises:
        ModelError: A vector is not finite, or a product would exceed float32.
    """
    n_queries, capacity = len(towers.queries), 4 * depth + 64
    places = -(-n_queries // CHUNK) * CHUNK  # what is left over finds nothing
    queries = format_.side(np.pad(towers.queries, ((0, places - n_queries), (0, 0))))
    _check_finite(queries, "query", first)
    survivors = Survivors(
        document=np.empty((places, capacity), np.int32),
        score=np.empty((places, capacity), np.float32),
        n_kept=np.zeros(places, np.int64),
        floor=np.full(places, -np.inf),
        level=np.full(places, np.iinfo(format_.scores).max, format_.scores),
        error=np.zeros(places),
    )
    edges = [*range(0, len(towers.documents), document_block), len(towers.documents)]
    with format_.threads(n_cores()) as pool:
        for start, stop in pairwise(edges):
            documents = format_.side(towers.documents[start:stop])
            _check_finite(documents, "document", start)
            _check_products(queries, documents, start)
            error = _error(queries, documents, towers.queries.shape[1])
            in_threads(n_queries, lambda part, error=error: open_rows(survivors, error, format_.shift, part))  # type: ignore[misc]
            place = Place(start, 0, depth, format_.shift)
            _scan(pool, format_, (queries, documents), place=place, towers=towers, survivors=survivors)
            advance(n_queries * (stop - start))
    best = Best(
        document=np.empty((n_queries, depth), np.int32),
        score=np.empty((n_queries, depth), np.float32),
        within=np.empty(n_queries, np.bool_),
    )
    place = Place(0, 0, depth, format_.shift)
    in_threads(n_queries, lambda part: close_rows(place, towers, survivors, best, part))
    if not best.within.all():
        return search_block(towers, Single(), depth, document_block=document_block, advance=_unseen, first=first)
    return best.document, best.score


def _scan(
    pool: Executor, format_: Format, sides: tuple[Side, Side], *, place: Place, towers: Towers, survivors: Survivors
) -> None:
    """Multiply queries and a block of documents tile by tile, and keep what may be among the best."""
    queries, documents = (side.values for side in sides)
    width = min(_QUERIES, -(-len(queries) // (n_cores() * CHUNK)) * CHUNK)

    def run(left: int) -> None:
        columns = queries[left : left + width]
        room: np.ndarray = np.empty(min(_DOCUMENTS, len(documents)) * len(columns), format_.scores)
        for top in range(0, len(documents), _DOCUMENTS):
            rows = documents[top : top + _DOCUMENTS]
            scores = room[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            format_.multiply(rows, columns, scores)
            scan(scores, place._replace(document=place.document + top, query=left), towers, survivors)

    for _ in pool.map(run, range(0, len(queries), width)):
        pass


def _error(queries: Side, documents: Side, dim: int) -> Float64[np.ndarray, " queries"]:
    """Bound how far the rounded score of each query and any of the documents is from the true one."""
    lost, longest = documents.lost.max(), (documents.length + documents.lost).max()
    return (
        queries.length * lost + queries.lost * longest + rounding_bound(dim, (queries.length + queries.lost) * longest)
    )


def _check_products(queries: Side, documents: Side, first: int) -> None:
    longest = int(documents.length.argmax())
    if documents.length[longest] * max(float(queries.length.max()), 1.0) > _MAX_SCORE:
        row = first + longest
        raise ModelError(f"the vector of document {row} is so long that scores exceed float32; scale it down")


def _check_finite(side: Side, kind: str, first: int) -> None:
    if not np.isfinite(side.length).all():
        raise not_finite(f"{kind} {first + int(np.flatnonzero(~np.isfinite(side.length))[0])}")


def _unseen(_n: int) -> None:
    """Count nothing: these pairs have been counted."""


def rounding_bound(dim: int, length: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Bound how far a float32 dot product is from the true one, for any order of summation.

    Args:
        dim: Number of products that are added.
        length: Product of the two vectors' lengths.

    Returns:
        The largest possible difference.

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
