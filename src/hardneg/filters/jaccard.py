"""How much sets of shingles share."""

from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Integer

from hardneg.filters.shingles import Shingles
from hardneg.search._kernels.compiled import compiled


def shares_enough(
    shingles: Shingles,
    text: Integer[np.ndarray, " rows"],
    low: Integer[np.ndarray, " rows"],
    high: Integer[np.ndarray, " rows"],
    others: Integer[np.ndarray, " others"],
    *,
    threshold: float,
) -> Bool[np.ndarray, " rows"]:
    """Mark the texts whose Jaccard similarity with any of their others reaches a threshold."""
    return _any_near(shingles.hashes, shingles.start, text, low, high, others, threshold)


@compiled
def _near(hashes: npt.NDArray[np.uint32], a: int, a_end: int, b: int, b_end: int, threshold: float) -> bool:  # noqa: PLR0917
    n_a, n_b = a_end - a, b_end - b
    if n_a == 0 or n_b == 0:
        return False
    # |A & B| / |A | B| >= t is |A & B| >= t / (1 + t) * (|A| + |B|); what each set may miss follows.
    needed = int(np.ceil(threshold / (1 + threshold) * (n_a + n_b) - 1e-9))
    spare_a, spare_b = n_a - needed, n_b - needed
    while spare_a >= 0 and spare_b >= 0:
        if a == a_end or b == b_end:
            return a_end - a <= spare_a and b_end - b <= spare_b
        if hashes[a] == hashes[b]:
            a += 1
            b += 1
        elif hashes[a] < hashes[b]:
            a += 1
            spare_a -= 1
        else:
            b += 1
            spare_b -= 1
    return False


@compiled
def _any_near(  # noqa: PLR0917
    hashes: npt.NDArray[np.uint32],
    start: npt.NDArray[np.int64],
    text: npt.NDArray[Any],
    low: npt.NDArray[Any],
    high: npt.NDArray[Any],
    others: npt.NDArray[Any],
    threshold: float,
) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(text), dtype=np.bool_)
    for row in range(len(text)):
        own = text[row]
        for at in range(low[row], high[row]):
            other = others[at]
            if _near(hashes, start[own], start[own + 1], start[other], start[other + 1], threshold):
                found[row] = True
                break
    return found
