"""Correction of p-values for the number of comparisons."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values such that one false alarm among all comparisons is as rare as the level says.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below the one before it, none
    exceeds 1. It assumes nothing about how the comparisons depend on each other.

    References:
        Holm (1979), "A simple sequentially rejective multiple test procedure".

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    corrected = np.empty_like(given)
    corrected[order] = np.minimum(stepped, 1.0)
    found: list[float] = corrected.tolist()
    return found
