"""Random numbers that depend on what they are for, not on when they are drawn.

A draw is a hash of a seed and of integer keys (query, document, epoch, …), so the same row gets the same
number in any block, order or process. This is what makes mined negatives equal for every block size.
"""

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """Finalise 64 bits so that every input bit moves every output bit (SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def bits(seed: int, *keys: npt.ArrayLike) -> UInt64[np.ndarray, "*shape"]:
    """Hash a seed and integer keys to 64 uniform bits.

    References:
        SplitMix64: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
    """
    arrays = [np.asarray(key, dtype=np.int64).astype(np.uint64) for key in keys]
    state = np.zeros(np.broadcast_shapes(*(array.shape for array in arrays)), dtype=np.uint64)
    state += np.uint64(seed)
    with np.errstate(over="ignore"):
        state = _mix(state + _GOLDEN)
        for array in arrays:
            state = _mix((state ^ array) + _GOLDEN)
    return state


def uniform(seed: int, *keys: npt.ArrayLike) -> Float[np.ndarray, "*shape"]:
    """Draw from the open interval (0, 1), one number for each element of the broadcast keys.

    >>> bool((uniform(7, [1, 2, 3]) == uniform(7, [1, 2, 3])).all())
    True
    """
    drawn = ((bits(seed, *keys) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return np.minimum(drawn, np.nextafter(1.0, 0.0))  # the largest of them rounds up to 1


def permutation(seed: int, *keys: int, size: int) -> npt.NDArray[np.int64]:
    """Shuffle `range(size)`; the order depends on the seed and the keys alone."""
    return np.argsort(bits(seed, *keys, np.arange(size)), kind="stable")
