import numpy as np
import pytest

from hardneg.search.cells import balanced_cells


@pytest.mark.parametrize(("n", "size"), [(1, 4), (10, 10), (100, 7), (1_000, 64)])
def test_cells_hold_every_row_once_and_are_of_one_size_but_for_one_row(n, size):
    vectors = np.random.default_rng(0).normal(size=(n, 5)).astype(np.float32)
    cells = balanced_cells(vectors, size=size)
    assert sorted(np.concatenate(cells).tolist()) == list(range(n))
    sizes = [len(cell) for cell in cells]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_far_groups_end_in_cells_of_their_own():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(4, 8)) * 100
    group = np.repeat(np.arange(4), 16)[rng.permutation(64)]
    vectors = (centres[group] + rng.normal(size=(64, 8))).astype(np.float32)
    assert all(len(set(group[cell].tolist())) == 1 for cell in balanced_cells(vectors, size=16))


def test_equal_vectors_are_cut_by_position():
    cells = balanced_cells(np.ones((8, 3), dtype=np.float32), size=2)
    assert [cell.tolist() for cell in cells] == [[0, 1], [2, 3], [4, 5], [6, 7]]
