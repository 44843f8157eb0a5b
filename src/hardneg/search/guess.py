"""A level that the best documents of a query will reach, guessed from a sample of the documents.

With a level from the start hardly any document is looked at twice. Without one, a level has to be earned from documents
that are themselves far from the best: several times as many are kept for a while. A guess can be too high; whether
it was is seen at the end, when true scores are known.
"""

import math

import numpy as np
from jaxtyping import Float64, Int64, Integer

from hardneg.search._kernels.compiled import Part, compiled
from hardneg.search._kernels.dense import Place, Survivors, half_of_last_bit, in_order
from hardneg.search.selecting import select

SHARE = 32  # one document in so many is in the sample
_GROUPS = 16  # of the sample for each document that is wanted from it, so that the best seldom meet in a group


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
    score: Integer[np.ndarray, "documents queries"], place: Place, peaks: Integer[np.ndarray, "groups queries"]
) -> None:
    """Note the highest scores of each group; document `i` of the sample belongs to group `i % groups`.

    The best of the groups are nearly the best of the sample, and maxima are taken of many scores at a time.
    """
    n_documents, n_queries = score.shape
    turned = np.int64(0x7FFFFFFF) >> place.shift
    for row in range(n_documents):
        peak = peaks[(place.document + row) % len(peaks), place.query : place.query + n_queries]
        for j in range(n_queries):
            bits = score[row, j]
            peak[j] = max(peak[j], bits ^ turned if bits < 0 else bits)


@compiled
def guess_rows(
    peaks: Integer[np.ndarray, "groups queries"],
    error: Float64[np.ndarray, " queries"],
    place: Place,
    survivors: Survivors,
    part: Part,
) -> None:
    """Set the floor of a part of the queries to what as many documents of the sample as wanted surely reach."""
    for row in range(part[0], part[1]):
        highest = peaks[:, row].astype(np.float64)
        bits = in_order(np.int32(np.int64(select(highest, len(highest) - place.depth)) << place.shift))
        score = np.float64(np.int32(bits).view(np.float32))
        survivors.floor[row] = score - half_of_last_bit(score, place.shift) - error[row]
