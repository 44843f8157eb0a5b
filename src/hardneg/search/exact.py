"""Exact search over vectors: what a float64 brute force would return, at the speed of a float32 product.

Two passes. The first multiplies blocks in float32 and keeps every document whose rounded score could still
belong to the best, given the known bound on the rounding of a dot product. The second computes the scores of
the few that are left with `dot`, whose order of operations is fixed, so that a pair has the same score to the
last bit whatever the block it was found in.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, Int32, Integer

from hardneg.errors import ModelError
from hardneg.progress import Advance, task
from hardneg.search.compiled import frozen, in_threads
from hardneg.search.kernels import Block, Survivors, Towers, length_rows, pair_rows, scan_rows, true_rows

_QUERIES = 512
_DOCUMENTS = 8_192
_MAX_SCORE = float(np.finfo(np.float32).max) / 2


def exact_topk(
    queries: Float32[np.ndarray, "queries dim"],
    documents: Float32[np.ndarray, "documents dim"],
    depth: int,
    *,
    query_block: int = _QUERIES,
    document_block: int = _DOCUMENTS,
) -> tuple[Int32[np.ndarray, "queries found"], Float32[np.ndarray, "queries found"]]:
    """Find the documents with the largest dot products, exactly.

    Besides the result, memory holds one block of scores and a few times `depth` entries for each query of a
    block, whatever the number of queries and documents. The result does not depend on the blocks.

    Args:
        queries: One vector a query.
        documents: One vector a document; may be a memory map.
        depth: Documents to return for each query, at least 1.
        query_block: Queries multiplied at a time, at least 1.
        document_block: Documents multiplied at a time, at least 1.

    Returns:
        Documents by position and their scores, the best first, `min(depth, documents)` for each query.
        They are ordered by the float64 score, equal ones by position; scores are then rounded to float32.

    Raises:
        ModelError: A vector is not finite, the dimensions differ, or a product would exceed float32.
        ValueError: `depth` or a block size is below 1.
    """
    if min(depth, query_block, document_block) < 1:
        raise ValueError(f"depth and blocks must be at least 1, not {depth}, {query_block}, {document_block}")
    _check_dimensions(queries, documents)
    depth = min(depth, len(documents))
    found = np.empty((len(queries), depth), np.int32)
    score = np.empty((len(queries), depth), np.float32)
    if found.size == 0:
        return found, score
    length = _lengths(queries, "query")
    edges = [*range(0, len(documents), document_block), len(documents)]
    longest = _longest(documents, edges, limit=_MAX_SCORE / max(float(length.max()), 1.0))
    with task("searching vectors", total=len(queries) * len(documents), unit="products") as advance:
        for start in range(0, len(queries), query_block):
            rows = slice(start, start + query_block)
            towers = Towers(frozen(queries[rows]), frozen(documents))
            bound = np.maximum.accumulate(rounding_bound(queries.shape[1], length[rows, None] * longest), axis=1)
            found[rows], score[rows] = _search(towers, edges, bound, depth, advance)
    return found, score


def pair_scores(
    query_vectors: Float32[np.ndarray, "queries dim"],
    document_vectors: Float32[np.ndarray, "documents dim"],
    query: Integer[np.ndarray, " rows"],
    document: Integer[np.ndarray, " rows"],
) -> Float32[np.ndarray, " rows"]:
    """Score pairs of a query and a document, to the bit as `exact_topk` scores them.

    Args:
        query_vectors: One vector a query.
        document_vectors: One vector a document; may be a memory map.
        query: Rows of `query_vectors`.
        document: Rows of `document_vectors`, one for each of `query`.

    Returns:
        The score of each pair.

    Raises:
        ModelError: A vector that is asked for is not finite, or the dimensions differ.
    """
    _check_dimensions(query_vectors, document_vectors)
    score = np.empty(len(query), np.float32)
    towers = Towers(frozen(query_vectors), frozen(document_vectors))
    query, document = frozen(query.astype(np.int64)), frozen(document.astype(np.int64))
    in_threads(len(query), lambda part: pair_rows(towers, query, document, score, part))
    if not np.isfinite(score).all():
        row = int(np.flatnonzero(~np.isfinite(score))[0])
        raise _not_finite(f"query {query[row]} or of document {document[row]}")
    return score


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


def _search(
    towers: Towers, edges: list[int], error: Float64[np.ndarray, "queries blocks"], depth: int, advance: Advance
) -> tuple[Int32[np.ndarray, "queries depth"], Float32[np.ndarray, "queries depth"]]:
    n_queries, capacity = len(towers.queries), 4 * depth + 256
    survivors = Survivors(
        document=np.empty((n_queries, capacity), np.int32),
        score=np.empty((n_queries, capacity), np.float32),
        n_kept=np.zeros(n_queries, np.int64),
        floor=np.full(n_queries, -np.inf),
    )
    product = np.empty(n_queries * max(b - a for a, b in pairwise(edges)), np.float32)
    for number, (start, stop) in enumerate(pairwise(edges)):
        scores = product[: n_queries * (stop - start)].reshape(n_queries, -1)
        np.matmul(towers.queries, towers.documents[start:stop].T, out=scores)
        block = Block(scores, start, depth, np.ascontiguousarray(error[:, number]))
        _scan(towers, block, survivors)
        advance(scores.size)
    true = np.full((n_queries, int(survivors.n_kept.max())), -np.inf)
    in_threads(n_queries, lambda part: true_rows(towers, survivors, true, part))
    order = np.argsort(-true, axis=1, kind="stable")[:, :depth]
    score = np.take_along_axis(true, order, axis=1).astype(np.float32)
    return np.take_along_axis(survivors.document, order, axis=1), score


def _scan(towers: Towers, block: Block, survivors: Survivors) -> None:
    in_threads(len(towers.queries), lambda part: scan_rows(towers, block, survivors, part))


def _longest(
    documents: Float32[np.ndarray, "documents dim"], edges: list[int], *, limit: float
) -> Float64[np.ndarray, " blocks"]:
    """Find the length of the longest vector of each block, and check all vectors on the way."""
    longest = []
    for start, stop in pairwise(edges):
        length = _lengths(documents[start:stop], "document", first=start)
        longest.append(float(length.max()))
        if longest[-1] > limit:
            row = start + int(length.argmax())
            raise ModelError(f"the vector of document {row} is so long that scores exceed float32; scale it down")
    return np.array(longest)


def _lengths(vectors: Float32[np.ndarray, "rows dim"], kind: str, *, first: int = 0) -> Float64[np.ndarray, " rows"]:
    rows = frozen(vectors)
    length = np.empty(len(rows))
    in_threads(len(rows), lambda part: length_rows(rows, length, part))
    if not np.isfinite(length).all():
        raise _not_finite(f"{kind} {first + int(np.flatnonzero(~np.isfinite(length))[0])}")
    return length


def _not_finite(where: str) -> ModelError:
    return ModelError(
        f"the vector of {where} (position from 0) has a value that is NaN or infinite; "
        "encode again in fp32, or mend the file of vectors"
    )


def _check_dimensions(
    queries: Float32[np.ndarray, "queries dim_q"], documents: Float32[np.ndarray, "documents dim_d"]
) -> None:
    if queries.shape[1] != documents.shape[1]:
        raise ModelError(
            f"vectors of queries have {queries.shape[1]} dimensions, of documents {documents.shape[1]}; "
            "both must come from one model"
        )
