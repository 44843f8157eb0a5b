"""Growing clusters in a graph, compiled."""

import numpy as np
import numpy.typing as npt
from jaxtyping import Int32, Int64

from hardneg.search._kernels.compiled import compiled


@compiled
def _take(
    head: Int64[np.ndarray, " weights"],
    entry: Int64[np.ndarray, " entries"],
    below: Int64[np.ndarray, " entries"],
    gain: Int64[np.ndarray, " pairs"],
    top: int,
) -> tuple[int, int]:
    """Take the last entry of the highest stack that still holds; -1 if none does. And how high stacks stand then."""
    while top > 0:
        last = head[top]
        if last < 0:
            top -= 1
            continue
        head[top] = below[last]
        if gain[entry[last]] == top:
            return entry[last], top
    return -1, 0


@compiled
def grow(  # noqa: PLR0917 - an inner loop
    start: Int64[np.ndarray, " pairs_and_end"],
    other: Int32[np.ndarray, " links"],
    weight: npt.NDArray[np.int8],
    first: Int64[np.ndarray, " pairs"],
    slots: Int64[np.ndarray, " clusters"],
    turns: Int64[np.ndarray, " clusters"],
) -> Int64[np.ndarray, " pairs"]:
    """Fill slots with pairs, each next one by the largest weight of its links to those already in the slot.

    `start` says where the links of a pair begin, `first` which pair is taken where none that is linked is left. Pairs
    wait in one stack for each weight; an entry whose pair has moved on to a larger one is passed over.
    """
    n_pairs, heaviest = len(first), 1
    for at in range(len(weight)):
        heaviest = max(heaviest, int(weight[at]))
    begin = np.zeros(len(slots) + 1, np.int64)
    begin[1:] = np.cumsum(slots)
    filled = np.empty(n_pairs, np.int64)
    is_placed, gain = np.zeros(n_pairs, np.bool_), np.zeros(n_pairs, np.int64)
    head = np.full(heaviest * slots.max() + 1, -1, np.int64)  # the last entry of each stack
    entry, below, n_entries = np.empty(1_024, np.int64), np.empty(1_024, np.int64), 0
    turn = 0
    for slot in turns:
        top = 0
        for place in range(begin[slot], begin[slot + 1]):
            chosen, top = _take(head, entry, below, gain, top)
            if chosen < 0:
                while is_placed[first[turn]]:
                    turn += 1
                chosen = first[turn]
            filled[place] = chosen
            is_placed[chosen], gain[chosen] = True, 0
            for at in range(start[chosen], start[chosen + 1]):
                pair = other[at]
                if is_placed[pair]:
                    continue
                if n_entries == len(entry):
                    entry, below = np.append(entry, np.empty_like(entry)), np.append(below, np.empty_like(below))
                gain[pair] += weight[at]
                entry[n_entries], below[n_entries] = pair, head[gain[pair]]
                head[gain[pair]] = n_entries
                n_entries += 1
                top = max(top, gain[pair])
        for at in range(n_entries):
            gain[entry[at]] = 0
        head[:] = -1
        n_entries = 0
    return filled
