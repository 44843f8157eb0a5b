"""Links in both directions, made of links in one, in memory of the result alone; compiled."""

import numpy as np
import numpy.typing as npt
from jaxtyping import Int32, Int64

from hardneg.search._kernels.compiled import compiled


@compiled
def _close_up(
    begin: Int64[np.ndarray, " pairs_and_end"],
    end: Int64[np.ndarray, " pairs"],
    to: Int32[np.ndarray, " room"],
    weighs: npt.NDArray[np.int8],
) -> int:
    """Turn the links of each pair round, and move them up to those of the pair before; how many there are."""
    filled = 0
    for pair in range(len(end)):
        first, last = begin[pair], end[pair]
        begin[pair] = filled
        n = last - first
        for step in range(n // 2):
            low, high = first + step, last - 1 - step
            to[low], to[high] = to[high], to[low]
            weighs[low], weighs[high] = weighs[high], weighs[low]
        for step in range(n):
            to[filled + step], weighs[filled + step] = to[first + step], weighs[first + step]
        filled += n
    begin[len(end)] = filled
    return filled


@compiled
def mirrored(
    start: Int64[np.ndarray, " pairs_and_end"],
    other: Int32[np.ndarray, " links"],
    weight: npt.NDArray[np.int8],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Add to each link the one that leads back; where both were there, their weights are added up.

    `start` says where the links of a pair begin; no pair is linked with one twice. Of a pair's links, those that lead
    back come first, the highest first, then its own, the last first.
    """
    n_pairs = len(start) - 1
    begin = np.zeros(n_pairs + 1, np.int64)
    for at in range(len(other)):
        begin[other[at] + 1] += 1
    for pair in range(n_pairs):
        begin[pair + 1] += begin[pair] + start[pair + 1] - start[pair]
    to, weighs, end = np.empty(begin[-1], np.int32), np.empty(begin[-1], np.int8), begin[:-1].copy()
    for pair in range(n_pairs):
        n = start[pair + 1] - start[pair]
        to[end[pair] : end[pair] + n] = other[start[pair] : start[pair + 1]]
        weighs[end[pair] : end[pair] + n] = weight[start[pair] : start[pair + 1]]
        end[pair] += n
    for pair in range(n_pairs):
        for at in range(start[pair], start[pair + 1]):
            back, place = other[at], begin[other[at]]
            last = place + start[back + 1] - start[back]
            while place < last and to[place] != pair:
                place += 1
            if place < last:
                weighs[place] += weight[at]
                continue
            to[end[back]], weighs[end[back]] = pair, weight[at]
            end[back] += 1
    filled = _close_up(begin, end, to, weighs)
    return begin, to[:filled], weighs[:filled]
