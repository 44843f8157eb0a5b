"""Inner loops on single vectors: rounding, the dot product whose order never changes, and the k-th value of some."""

import numpy as np
from jaxtyping import Float32, Float64, Int16

from hardneg.search._kernels.compiled import Part, compiled, compiled_sums


@compiled
def dot(a: Float32[np.ndarray, " dim"], b: Float32[np.ndarray, " dim"], room: Float64[np.ndarray, " dim"]) -> float:
    """Multiply two vectors in float64: all products, then the second half is added to the first until one is left.

    The product of two float32 numbers is exact in float64, so only the additions round, in this one order, and each
    number takes part in few of them.
    """
    n = len(a)
    for i in range(n):
        room[i] = np.float64(a[i]) * np.float64(b[i])
    while n > 1:
        half = (n + 1) // 2
        for i in range(n - half):
            room[i] += room[half + i]
        n = half
    return room[0] if n else 0.0


@compiled
def length_rows(vectors: Float32[np.ndarray, "rows dim"], length: Float64[np.ndarray, " rows"], part: Part) -> None:
    """Compute Euclidean lengths; they are not finite exactly where a vector is not."""
    room = np.empty(vectors.shape[1])
    for row in range(part[0], part[1]):
        length[row] = np.sqrt(dot(vectors[row], vectors[row], room))


@compiled_sums
def round_rows(
    vectors: Float32[np.ndarray, "rows dim"],
    values: Int16[np.ndarray, "rows dim"],
    length: Float64[np.ndarray, " rows"],
    lost: Float64[np.ndarray, " rows"],
    part: Part,
) -> None:
    """Round vectors to the bits of the nearest bfloat16, ties to even; `lost` is the length of the difference."""
    dim = vectors.shape[1]
    kept = np.empty(dim, np.int32)
    rounded = kept.view(np.float32)
    for row in range(part[0], part[1]):
        bits = vectors[row].view(np.int32)
        for i in range(dim):
            high = (bits[i] + np.int32(0x7FFF) + ((bits[i] >> np.int32(16)) & np.int32(1))) >> np.int32(16)
            values[row, i] = np.int16(high)
            kept[i] = np.int32(high) << np.int32(16)
        squares, squares_lost = 0.0, 0.0
        for i in range(dim):
            rest = np.float64(vectors[row, i] - rounded[i])
            squares += np.float64(vectors[row, i]) * np.float64(vectors[row, i])
            squares_lost += rest * rest
        length[row] = np.sqrt(squares)
        # Processors may take numbers too small for a normal float32 for zero.
        lost[row] = np.sqrt(squares_lost) + dim * 2.0**-126


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
