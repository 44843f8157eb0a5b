import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.filters.shingles import Shingles, shares_enough

number_sets = st.lists(st.sets(st.integers(0, 12), max_size=10), min_size=2, max_size=6)


def packed(sets):
    hashes = np.array([h for each in sets for h in sorted(each)], dtype=np.uint32)
    return Shingles(hashes, np.cumsum([0, *map(len, sets)]))


@settings(deadline=None)  # the first call compiles
@given(number_sets, st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 0.6, 2 / 3, 0.75, 0.8, 0.9, 1.0]))
def test_the_threshold_is_reached_exactly_where_the_textbook_says(sets, threshold):
    n = len(sets)
    text = np.arange(n)
    found = shares_enough(
        packed(sets),
        text,
        np.zeros(n, dtype=np.int64),
        np.full(n, n - 1),
        np.arange(1, n),
        threshold=threshold,
    )
    for row, own in enumerate(sets):
        similar = [own and other and len(own & other) / len(own | other) >= threshold - 1e-12 for other in sets[1:]]
        assert found[row] == any(similar)


def test_a_row_without_others_is_like_nothing():
    zero = np.zeros(1, dtype=np.int64)
    assert not shares_enough(packed([{1, 2}]), zero, zero, zero, zero, threshold=0.1).any()
