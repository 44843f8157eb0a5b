"""Selection of the k-th value without sorting."""

import numpy as np
from jaxtyping import Float64

from hardneg.search._kernels.compiled import compiled


@compiled
def select(values: Float64[np.ndarray, " rows"], rank: int) -> float:
    """Find the value that would stand at `rank` (from 0) if all were sorted; reorders `values`.

    References:
        Hoare (1961), "Algorithm 65: Find".
    """
    low = 0
    high = len(values) - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]


@compiled
def places_at(values: Float64[np.ndarray, " rows"], last: float, depth: int) -> int:
    """Count how many of the values equal to the `depth`-th largest, `last`, are among the `depth` largest."""
    places = depth
    for i in range(len(values)):
        places -= values[i] > last
    return places
