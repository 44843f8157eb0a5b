"""Exact search over vectors: what a float64 brute force would return, at the speed of a bfloat16 product.

Two passes. The first multiplies blocks in the fastest format that the machine has and keeps every document whose
rounded score could still belong to the best, given a bound on the rounding and a guess of what the best will reach.
The second computes the scores of the few that are left, which also prove the guess. It does so with `dot`, whose
order of operations is fixed, so that a pair has the same score to the last bit whatever the block and the format it
was found in.
"""

import numpy as np
from jaxtyping import Float32, Int32, Integer

from hardneg.errors import ModelError
from hardneg.progress import task
from hardneg.search._kernels.compiled import frozen, in_threads
from hardneg.search._kernels.dense import Towers, pair_rows
from hardneg.search.first_pass import TILE_DOCUMENTS, not_finite, search_block
from hardneg.search.products import fastest

_QUERIES = 8_192
_SLAB = 2**24  # numbers of the documents that are rounded at a time; larger memory is taken and cleared anew each time


def exact_topk(
    queries: Float32[np.ndarray, "queries dim"],
    documents: Float32[np.ndarray, "documents dim"],
    depth: int,
    *,
    query_block: int = _QUERIES,
    document_block: int | None = None,
) -> tuple[Int32[np.ndarray, "queries found"], Float32[np.ndarray, "queries found"]]:
    """Find the documents with the largest dot products, exactly.

    Besides the result, memory holds one block of documents in the format they are multiplied in, a block of scores
    for each thread, and a few times `depth` entries for each query of a block, whatever the number of queries and
    documents. The result depends neither on the blocks nor on the format: documents
    are ordered by the float64 score, equal ones by position, and scores are then rounded to float32.
    """
    document_block = slab(queries.shape[1]) if document_block is None else document_block
    if min(depth, query_block, document_block) < 1:
        raise ValueError(f"depth and blocks must be at least 1, not {depth}, {query_block}, {document_block}")
    check_dimensions(queries, documents)
    depth = min(depth, len(documents))
    positions = np.empty((len(queries), depth), np.int32)
    score = np.empty((len(queries), depth), np.float32)
    if positions.size == 0:
        return positions, score
    format_ = fastest(len(queries) * documents.size)
    with task("searching vectors", total=len(queries) * len(documents), unit="products") as advance:
        for start in range(0, len(queries), query_block):
            rows = slice(start, start + query_block)
            towers = Towers(frozen(queries[rows]), frozen(documents))
            positions[rows], score[rows] = search_block(
                towers, format_, depth, document_block=document_block, advance=advance, first=start
            )
    return positions, score


def slab(dim: int) -> int:
    """Choose how many documents are rounded at a time."""
    return max(1, _SLAB // (TILE_DOCUMENTS * max(dim, 1))) * TILE_DOCUMENTS


def pair_scores(
    query_vectors: Float32[np.ndarray, "queries dim"],
    document_vectors: Float32[np.ndarray, "documents dim"],
    query: Integer[np.ndarray, " rows"],
    document: Integer[np.ndarray, " rows"],
) -> Float32[np.ndarray, " rows"]:
    """Score pairs of a query and a document, to the bit as `exact_topk` scores them."""
    check_dimensions(query_vectors, document_vectors)
    score = np.empty(len(query), np.float32)
    towers = Towers(frozen(query_vectors), frozen(document_vectors))
    query, document = frozen(query.astype(np.int64)), frozen(document.astype(np.int64))
    in_threads(len(query), lambda part: pair_rows(towers, query, document, score, part))
    if not np.isfinite(score).all():
        row = int(np.flatnonzero(~np.isfinite(score))[0])
        raise not_finite(f"query {query[row]} or of document {document[row]}")
    return score


def check_dimensions(
    queries: Float32[np.ndarray, "queries dim_q"], documents: Float32[np.ndarray, "documents dim_d"]
) -> None:
    """Make sure that vectors of both sides have as many dimensions."""
    if queries.shape[1] != documents.shape[1]:
        raise ModelError(
            f"vectors of queries have {queries.shape[1]} dimensions, of documents {documents.shape[1]}; "
            "both must come from one model"
        )
